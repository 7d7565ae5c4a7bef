"""From the desired fleet to OVH objects: observe (``resources``), plan (pure), apply."""
