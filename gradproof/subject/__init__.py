"""What is judged: the layer protocol, the arrays that it takes, how it is loaded and run."""
