"""What is stored of synthetic images, and how it becomes pixels and labels."""
