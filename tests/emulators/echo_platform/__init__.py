"""A chat platform of our own: the model that every platform's adapter follows, and a witness for tests.

`server.EchoServer` is the platform itself. It keeps every post, edit and status with its time, whatever
becomes of those who sent them. `client.EchoPlatform` is how workers speak on it.
"""
