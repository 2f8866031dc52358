"""What a converted model is, what it lost, and where.

`inspection` reads the tables of a .tflite; `verification` checks that a file is what its card claims, and compares it
with the float model; `trace` runs a graph tensor by tensor, from which `activation_ranges` chooses the quantization
ranges and `layer_noise` measures the signal-to-noise ratio of each layer; `proof` collects all of it in one record,
and `proof_page` writes that as an HTML page.
"""
