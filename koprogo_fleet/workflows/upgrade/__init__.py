"""Another release of K3s on a running fleet: servers one by one, then agents, each emptied first and watched until it is back."""
