-- hello
/* there */
