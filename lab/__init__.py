"""What the class need not read: features, figures, and what keeps a run safe."""
