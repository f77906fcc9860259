"""The application services for screens, routes and commands. Typed records in and out."""
