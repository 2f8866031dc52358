"""From .keras to an int8 .tflite, with proof. The only room that imports tensorflow."""
