"""What stands below `supplement`: each module has one purpose and takes arguments alone."""
