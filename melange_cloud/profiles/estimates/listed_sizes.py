"""The request sizes that an estimated profile lists; it can compute every other size too."""

INPUT_TOKENS = (25, 100, 250, 500, 1000, 2000, 4000, 6000, 8000, 12000, 16000, 24000, 32000, 48000, 64000, 96000)
OUTPUT_TOKENS = (25, 100, 250, 500, 1000, 2000, 4096)
"""The grid: the paper's bucket edges (to 16,000 in, 2,000 out), with more where rates bend or requests are long."""

LONG_OUTPUT_TOKENS = (6000, 8192, 12_000, 16_384, 24_000, 32_768, 48_000, 65_536, 96_000)
WITH_LONG_OUTPUTS = (25, 1000, 4000, 8000, 16_000, 32_000, 64_000)
"""Output sizes up to the context, with fewer input sizes, since the prompt matters less there."""


def grid(limit_tokens: int) -> list[tuple[int, int]]:
    """The request sizes of a profile whose requests have at most ``limit_tokens`` input + output tokens, sorted.

    Inputs that reach the limit exactly with an output of the grid are added, and for short contexts outputs that do so
    with an input. Then a cell that the limit cuts has only its far corner beyond it, and no servable size is lost. For
    a longer context, rows of longer outputs are added up to it, each up to its own longest input.
    """
    edge = limit_tokens // 10 * 10 if limit_tokens > 10_000 else limit_tokens
    inputs = {*INPUT_TOKENS, *(edge - output_tokens for output_tokens in OUTPUT_TOKENS)}
    outputs = set(OUTPUT_TOKENS)
    if limit_tokens <= 2 * max(OUTPUT_TOKENS):
        outputs |= {edge - input_tokens for input_tokens in INPUT_TOKENS}
        inputs |= {edge - output_tokens for output_tokens in outputs}
    least_input, least_output = min(INPUT_TOKENS), min(OUTPUT_TOKENS)
    sizes = {
        (input_tokens, output_tokens)
        for input_tokens in inputs
        for output_tokens in outputs
        if input_tokens >= least_input and output_tokens >= least_output
    }
    if limit_tokens > 2 * max(OUTPUT_TOKENS):
        last = edge - least_input
        for output_tokens in (*(tokens for tokens in LONG_OUTPUT_TOKENS if tokens < last), last):
            short_inputs = (*WITH_LONG_OUTPUTS, edge - output_tokens)
            sizes |= {(input_tokens, output_tokens) for input_tokens in short_inputs}
    return sorted(
        (input_tokens, output_tokens)
        for input_tokens, output_tokens in sizes
        if input_tokens + output_tokens <= limit_tokens
    )
