"""Lines of the logs of engines' starts, as their users published them, shortened."""

VLLM = """\
INFO 10-02 10:04:11 [__init__.py:216] Automatically detected platform cuda.
(APIServer pid=1) INFO 10-02 10:04:15 [api_server.py:1839] vLLM API server version 0.11.0
(APIServer pid=1) INFO 10-02 10:04:15 [utils.py:233] non-default args: {'model_tag': 'Qwen/Qwen2.5-7B-Instruct', \
'model': 'Qwen/Qwen2.5-7B-Instruct', 'max_model_len': 8192, 'gpu_memory_utilization': 0.85, 'max_num_seqs': 128, \
'api_server_count': 2}
(APIServer pid=1) INFO 10-02 10:04:20 [scheduler.py:205] Chunked prefill is enabled with max_num_batched_tokens=2048.
(EngineCore_DP0 pid=178) INFO 10-02 10:04:28 [core.py:77] Initializing a V1 LLM engine (v0.11.0) with config: \
model='Qwen/Qwen2.5-7B-Instruct', speculative_config=None, tokenizer='Qwen/Qwen2.5-7B-Instruct', \
skip_tokenizer_init=False, tokenizer_mode=auto, revision=None, trust_remote_code=False, dtype=torch.bfloat16, \
max_seq_len=8192, download_dir=None, load_format=auto, tensor_parallel_size=1, quantization=None, enforce_eager=False, \
kv_cache_dtype=auto, device_config=cuda, structured_outputs_config=StructuredOutputsConfig(backend='auto', \
disable_fallback=False), seed=0, enable_prefix_caching=True, chunked_prefill_enabled=True, pooler_config=None
(EngineCore_DP0 pid=178) INFO 10-02 10:05:53 [kv_cache_utils.py:1286] GPU KV cache size: 93,872 tokens
(EngineCore_DP0 pid=178) INFO 10-02 10:05:54 [kv_cache_utils.py:1291] Maximum concurrency for 8,192 tokens: 11.46x
(EngineCore_DP0 pid=178) INFO 10-02 10:06:13 [gpu_model_runner.py:3480] Graph capturing finished in 13 secs
"""

SGLANG = """\
[2026-03-21 03:31:56] server_args=ServerArgs(model_path='qwen/qwen2.5-0.5b-instruct', tokenizer_mode='auto', \
skip_tokenizer_init=False, model_loader_extra_config='{}', context_length=None, host='127.0.0.1', port=30000, \
dtype='auto', quantization=None, kv_cache_dtype='fp8_e5m2', mem_fraction_static=0.835, max_running_requests=128, \
max_total_tokens=20480, chunked_prefill_size=8192, max_prefill_tokens=16384, speculative_algorithm='EAGLE', \
disable_radix_cache=True, disable_cuda_graph=False)
[2026-03-21 03:32:20] KV Cache is allocated. #tokens: 20480, K size: 0.12 GB, V size: 0.12 GB
[2026-03-21 03:32:25] max_total_num_tokens=20480, chunked_prefill_size=8192, max_prefill_tokens=16384, \
max_running_requests=64, context_len=32768, available_gpu_mem=60.40 GB
"""

TENSORRT_LLM = """\
[TensorRT-LLM] TensorRT LLM version: 1.0.0
[TensorRT-LLM][INFO] KV cache block reuse is disabled
[TensorRT-LLM][INFO] Max KV cache pages per sequence: 2048
[TensorRT-LLM][INFO] Number of tokens per block: 64.
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 26.91 GiB for max tokens in paged KV cache (220480).
[02/14/2025-09:38:53] [TRT-LLM] [I] max_seq_len=131072, max_num_requests=2048, max_num_tokens=8192
[02/14/2025-09:38:53] [TRT-LLM] [I] Engine loaded and ready to serve...
"""
