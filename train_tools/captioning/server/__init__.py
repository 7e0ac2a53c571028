"""A captioner that asks a server which speaks OpenAI's chat API: Ollama, LM Studio, llama.cpp, one on the net."""
