"""The names that logs give to input tokens, output tokens, times, models and outcomes.

Names are compared in lower case, with ``camelCase`` as ``camel_case`` and everything but letters, digits and dots as
``_``. A dot leads into a nested record (``usage.prompt_tokens``). If several known names are present, the first in the
list counts. A name with a dot also matches the end of a longer one (``message.usage.input_tokens``).

=====================  ==============================  ==========================  ==========================
log                    input tokens                    output tokens               time
=====================  ==============================  ==========================  ==========================
ours                   input_tokens                    output_tokens               arrival_s (seconds)
Azure LLM traces       ContextTokens                   GeneratedTokens             TIMESTAMP (ISO)
BurstGPT               Request tokens                  Response tokens             Timestamp (seconds)
Mooncake               input_length                    output_length               timestamp (milliseconds)
Bailian                input_length                    output_length               timestamp (seconds)
OpenAI-style records   usage.prompt_tokens             usage.completion_tokens     created (Unix seconds)
Anthropic              usage.input_tokens + cache      usage.output_tokens         created_at
Gemini                 usageMetadata.promptTokenCount  candidates + thoughts       createTime
Bedrock                usage.inputTokens + cache       usage.outputTokens          timestamp
OpenTelemetry          gen_ai.usage.input_tokens       gen_ai.usage.output_tokens  startTimeUnixNano
LiteLLM                prompt_tokens                   completion_tokens           startTime
vLLM                   prompt_tokens, prompt_len       completion_tokens           arrival_time (seconds)
ServeGen               input_tokens                    output_tokens               timestamp (seconds)
=====================  ==============================  ==========================  ==========================

Logs differ in whether the input tokens include those read from a prompt cache. This decides both the size of a request
and its cached share:

=================  =========================================  ==========  ==============================================
log                cached tokens                              in input?   said by
=================  =========================================  ==========  ==============================================
OpenAI, xAI, Azure prompt_ or input_tokens_details            yes         platform.openai.com/docs/guides/prompt-caching
                   .cached_tokens
vLLM               prompt_tokens_details.cached_tokens,       yes         RequestOutput.num_cached_tokens: "prefix cache
                   num_cached_tokens                                      hit" of prompt_token_ids
SGLang             cached_tokens                              yes         meta_info of /generate
Anthropic          cache_read_input_tokens (next to           no          platform.claude.com/docs, Prompt caching:
                   cache_creation_input_tokens, not read)                 total = read + creation + input_tokens
Bedrock            cacheReadInputTokens                       no          Converse TokenUsage, InvokeModel logs
Gemini             cachedContentTokenCount                    yes         ai.google.dev/api: UsageMetadata, "still the
                                                                          total effective prompt size"
DeepSeek           prompt_cache_hit_tokens                    yes         api-docs.deepseek.com: prompt = hit + miss
LiteLLM            cache_read_input_tokens next to            yes         docs.litellm.ai, Prompt caching: "all prompt
                   prompt_tokens                                          tokens including cache-miss and cache-hit"
Langfuse           input_cached_tokens,                       no          usage_details: input + every other input key
                   cache_read_input_tokens next to input
OpenTelemetry      gen_ai.usage.cache_read.input_tokens       yes         gen_ai.usage.input_tokens "SHOULD include all
                                                                          types of input tokens"
OpenInference      llm.token_count.prompt_details.cache_read  yes         its semantic conventions
=================  =========================================  ==========  ==============================================

For other names the user is asked, unless a column of totals tells (``token_sums``). A row with more cached than input
tokens is rejected, since the input then excludes them whatever its name.
"""

INPUT_NAMES = (
    "input_tokens", "prompt_tokens", "usage.prompt_tokens", "usage.input_tokens", "response.usage.prompt_tokens",
    "response.usage.input_tokens", "response.body.usage.prompt_tokens", "response.body.usage.input_tokens",
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "usage_metadata.prompt_token_count",
    "usage_metadata.input_tokens", "meta_info.prompt_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt",
    "usage_details.input", "usage.input", "context_tokens", "request_tokens", "input_length", "input_len",
    "prompt_length", "prompt_len", "num_prompt_tokens", "num_input_tokens", "num_prefill_tokens", "prompt_token_count",
    "input_token_count", "input.input_token_count", "uncached_input_tokens", "prompt_eval_count", "tokens_evaluated",
    "contexttokens", "data.input_tokens",
)  # fmt: skip
OUTPUT_NAMES = (
    "output_tokens", "completion_tokens", "usage.completion_tokens", "usage.output_tokens",
    "response.usage.completion_tokens", "response.usage.output_tokens", "response.body.usage.completion_tokens",
    "response.body.usage.output_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
    "usage_metadata.candidates_token_count", "usage_metadata.output_tokens", "meta_info.completion_tokens",
    "llm.usage.completion_tokens", "llm.token_count.completion", "usage_details.output", "usage.output",
    "generated_tokens", "response_tokens", "output_length", "output_len", "generation_length", "generation_len",
    "num_generation_tokens", "num_output_tokens", "num_decode_tokens", "candidates_token_count",
    "completion_token_count", "output_token_count", "output.output_token_count", "eval_count", "tokens_predicted",
    "details.generated_tokens", "generatedtokens", "data.output_tokens", "usage_metadata.thoughts_token_count",
    "thoughts_token_count",
)  # fmt: skip
TIME_NAMES = (
    "arrival_s", "timestamp", "timestamp_ms", "timestamp_s", "arrival_time", "arrival_ms", "arrived_at", "created",
    "created_at", "response.created", "response.created_at", "response.body.created", "response.body.created_at",
    "start_time", "request_time", "time", "datetime", "t_s", "timestamp_utc", "@timestamp", "start_time_unix_nano",
    "time_unix_nano", "start_time_ns", "start_time_ms", "start_ns", "timestamp_ns", "timestamp_us",
    "request_start_time", "request_timestamp", "request_created_at", "started_at", "received_at", "create_time",
    "metrics.arrival_time", "start_timestamp", "ts", "event_time", "observed_time_unix_nano",
)  # fmt: skip

CACHE_READ = ("cache_read_input_tokens", "cache_read_tokens", "cache_read", "cache.read")
_WRITTEN = (
    "cache_creation_input_tokens", "cache_write_input_tokens", "cache_creation_tokens", "cache_write_tokens",
    "cache_creation", "cache_write", "cache.write", "cache.creation",
)  # fmt: skip

ADDED_TO_INPUT = {
    "input_tokens": (CACHE_READ, _WRITTEN),
    "uncached_input_tokens": (CACHE_READ, _WRITTEN),
    "input": ((*CACHE_READ, "input_cached_tokens"), _WRITTEN),
    "input_token_count": (
        ("cache_read_input_token_count",),
        ("cache_creation_input_token_count", "cache_write_input_token_count"),
    ),
    "prompt_token_count": (("tool_use_prompt_token_count",),),
}
"""Columns under the same parent that such an input column excludes, each by the first of its names: Anthropic,
Bedrock and Langfuse count cached tokens separately, Gemini what tools put into the prompt."""

ADDED_WITHOUT = {
    "cache_creation_input_tokens": (
        "cache_creation.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
    ),
}
"""The parts that replace a missing column of ADDED_TO_INPUT."""

ADDED_TO_OUTPUT = {
    "candidates_token_count": (("thoughts_token_count",),),
    "output": (("output_reasoning_tokens",),),
}
"""Gemini and Langfuse count thoughts separately; OpenAI's completion tokens include the reasoning."""

TOTAL_NAMES = ("total_tokens", "total_token_count", "total", "tokens_total", "token_count_total")
"""The sum of all tokens of a request, under the parent of its input tokens."""

REQUEST_COUNT_NAMES = frozenset(
    {"num_model_requests", "model_requests", "requests", "request_count", "requests_count", "num_requests",
     "n_requests", "number_of_requests", "total_requests", "successful_requests", "api_requests", "count", "calls",
     "call_count", "num_calls", "n_calls", "api_calls", "total_calls", "invocations", "invocation_count"}
)  # fmt: skip
"""The number of requests that a row sums up, next to the input tokens or at the top of the record."""

HOLDS_ALL_INPUT = ("gen_ai.usage",)
"""Parents under which ``input_tokens`` is the total, as the OpenTelemetry conventions require."""

CACHED_INPUT = (
    "cache_read_input_tokens", "cache_read.input_tokens", "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens", "input_token_details.cache_read", "cached_content_token_count",
    "prompt_cache_hit_tokens", "cache_read_input_token_count", "input_tokens.cached", "cached_input_tokens",
    "cached_tokens", "prompt_details.cache_read", "prompt_details.cache_input", "num_cached_tokens",
    "input_cached_tokens",
)  # fmt: skip
"""Input tokens read from a prompt cache, under the parent of the input tokens: part of them, or added above."""

MODEL_NAMES = (
    "model", "model_name", "model_id", "gen_ai.request.model", "gen_ai.response.model", "request.model", "body.model",
    "response.model", "response.body.model", "message.model", "request.body.model", "request_model", "response_model",
    "served_model", "llm_model", "llm.model_name", "model_version", "model_group", "deployment", "deployment_name",
)  # fmt: skip

MODEL_ENDINGS = (
    r"((served|requested|request|response|used|ai|llm|chat|base|language|target|selected|resolved|openai|azure)_)*"
    r"(model|deployment|engine|llm)(_(model|deployment|engine))?(_(name|id|slug|version|type|used|requested))?",
    r"(model|deployment|engine|llm)\.(id|name|slug|model|model_name|model_id|deployment)",
)
"""If no column has one of these names: the endings of names (last part, last two) that stand for models."""

STATUS_NAMES = (
    "status", "status_code", "http_status", "http_status_code", "response_status", "response_code",
    "response.status_code", "http.response.status_code", "http.status_code", "request_status",
)  # fmt: skip
ERROR_NAMES = (
    "error", "error_message", "error_code", "error_type", "exception", "error.type", "error.code", "error.message",
    "response.error",
)  # fmt: skip

FAILED_WORDS = frozenset(
    {"error", "errored", "failed", "failure", "fail", "timeout", "timed_out", "cancelled", "canceled", "aborted",
     "exception", "rejected", "expired", "false"}
)  # fmt: skip
"""Words of a status that mean a failed request, in lower case."""
