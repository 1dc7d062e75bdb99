"""The `scoreline` command line, one small module a group of commands. It talks to the suite through the SDK only; what
starts servers is in stack/, which `up` and `demo` run as a process."""
