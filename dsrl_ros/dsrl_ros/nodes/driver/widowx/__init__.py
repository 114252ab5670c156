"""The WidowX 250 S by the vendor's `xs_sdk`."""
