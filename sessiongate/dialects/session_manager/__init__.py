"""Clone tickets for Kubernetes' vSphere drivers, which call their source a session manager."""
