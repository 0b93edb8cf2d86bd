"""What engines that write down speech have in common: windows of sound, features, decoding, transcripts."""
