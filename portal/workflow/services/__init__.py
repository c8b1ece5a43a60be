"""Every write to a request, one function per business action; pages, commands and the API share them."""
