"""From the desired fleet to OVH objects: observe, plan (pure), apply; a file for each kind of object in ``kinds``."""
