"""SQL that spells things alike whoever wrote them: providers, reasons to finish, messages in the providers' forms."""

from watchglass_collector.conventions.parts import message, text_part, tool_call, tool_call_response
from watchglass_collector.conventions.sql import strings

# Spelling, in lower case, -> name in the semantic conventions. Others stay as they were sent.
PROVIDERS = {
    **{name: name for name in ("openai", "anthropic", "cohere", "deepseek", "groq", "perplexity")},
    "amazon-bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google_genai": "gcp.gen_ai",
    "google": "gcp.gen_ai",
    "google-vertex": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}

# The semantic conventions and OpenAI write the same reason in two ways, Vercel's SDK in a third.
REASONS = {"tool_call": "tool_calls"}

_MEMBERS = (
    "messages",
    "choices",
    "generations",
    "output",
    "input",
    "inputs",
    "outputs",
    "prompt",
    "query",
    "question",
    "contents",
)
"""Members of an object under which clients put a conversation."""

_SPEAKERS = {
    "human": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "tool": "tool",
    "function_call": "assistant",
    "reasoning": "assistant",
    "function_call_output": "tool",
}
"""Type of a message, in LangChain's and OpenAI's Responses' words -> who is speaking."""


def provider(said: str) -> str:
    """The provider's name in the semantic conventions, from whatever a client calls it: `openai.chat`, `OpenAI`."""
    # Vercel's SDK appends the kind of model.
    bare = rf"replaceRegexpOne({said}, '\\.(chat|responses|messages|embedding|completion)$', '')"
    return f"transform(lower({bare}), {strings(PROVIDERS)}, {strings(PROVIDERS.values())}, {said})"


def reasons(said: str) -> str:
    """Array(String): reasons to finish, spelled alike. A provider's own words, like `end_turn`, stay."""
    word = (
        f"transform(replaceAll(r, '-', '_'), {strings(REASONS)}, {strings(REASONS.values())}, replaceAll(r, '-', '_'))"
    )
    return f"arrayMap(r -> {word}, arrayFilter(r -> r NOT IN ('', 'null', 'None'), {said}))"


def _first(json: str, *members: str) -> str:
    """JSON of the first of these members that is there and not null, '' for none."""
    one = f"arrayMap(n -> JSONExtractRaw({json}, n), {strings(members)})"
    return f"arrayFirst(r -> r NOT IN ('', 'null'), {one})"


_CALLS = "('tool_use', 'tool-call')"


def _part(json: str) -> str:
    """SQL: one element of a `content` or `parts` list, in OpenAI's, Anthropic's or Vercel's form, as a part."""
    said = f"firstNonDefault({_first(json, 'text', 'content', 'thinking', 'refusal')}, '\"\"')"
    response = tool_call_response(
        _first(json, "tool_use_id", "toolCallId"), _first(json, "content", "output", "result")
    )
    name = (
        "transform(k, ['text', 'input_text', 'output_text', 'refusal', 'thinking', 'reasoning', 'summary_text'], "
        "['text', 'text', 'text', 'text', 'reasoning', 'reasoning', 'reasoning'], '')"
    )
    spoken = f"""concat('{{"type":"', n, '","content":', {said}, '}}')"""
    # An element without a type is the text of one.
    whole = f"if(startsWith({json}, '\"'), {json}, toJSONString({json}))"
    return (
        f"arrayMap((k, n) -> multiIf(n != '', {spoken}, k IN ('tool_result', 'tool-result'), {response}, "
        f"k != '', {json}, {text_part(whole)}), [JSONExtractString({json}, 'type')], arrayMap(k -> {name}, "
        f"[JSONExtractString({json}, 'type')]))[1]"
    )


def provider_calls(calls: str) -> str:
    """Array(String): each tool call, in the form of any of the providers or SDKs, as a part.

    Args:
        calls: Array(String) expression: JSON of the calls.
    """
    members = (
        f"({_first('c', 'id', 'call_id', 'toolCallId')}, "
        f"firstNonDefault(JSONExtractRaw(c, 'function', 'name'), {_first('c', 'name', 'toolName')}), "
        f"firstNonDefault(JSONExtractRaw(c, 'function', 'arguments'), {_first('c', 'arguments', 'args', 'input')}))"
    )
    return f"arrayMap(c -> {tool_call('c.1', 'c.2', 'c.3')}, arrayMap(c -> {members}, {calls}))"


def elements(json: str, role: str) -> str:
    """Array(String): JSON of the messages in JSON of any form; any other text is the only one.

    Args:
        json: String expression.
        role: String expression: who speaks. Of a list with event names, what was said to or by the model.
    """
    inside = (
        f"if(startsWith({json}, '{{') AND NOT JSONHas({json}, 'role') AND NOT JSONHas({json}, 'content') "
        f"AND NOT JSONHas({json}, 'parts'), {_first(json, *_MEMBERS)}, '')"
    )
    found = f"firstNonDefault({inside}, if(isValidJSON({json}), {json}, ''), toJSONString({json}))"
    # LangChain has lists of lists: a batch of conversations.
    flat = "arrayFlatten(arrayMap(e -> if(startsWith(e, '['), JSONExtractArrayRaw(e), [e]), l))"
    listed = f"arrayMap(f -> if(startsWith(f, '['), JSONExtractArrayRaw(f), [f]), [{found}])"
    event = "JSONExtractString(e, 'event.name')"
    # Logfire ends such a list with the answer, which is not always called a choice.
    answer = f"{event} = 'gen_ai.choice' OR ({event} = 'gen_ai.assistant.message' AND i = length(a))"
    ours = f"{event} = '' OR ({answer}) = ({role} = 'assistant')"
    split = f"arrayMap(a -> arrayFilter((e, i) -> {ours}, a, arrayEnumerate(a)), arrayMap(l -> {flat}, {listed}))"
    return f"{split}[1]"


def provider_messages(elements: str, role: str) -> str:
    """Array(String): each element as JSON of a message in the conventions' own form.

    Args:
        elements: Array(String) expression, JSON of messages: with `parts`, or `role`, `content`, `tool_calls`,
            `tool_call_id` as OpenAI has them, or in an envelope (`message`, LangChain's `kwargs` and `data`); or any
            other JSON, which is then the text of a message.
        role: String expression, used where an element names none.
    """
    opened = (
        "arrayMap(e -> (e, arrayMap(m -> firstNonDefault(JSONExtractRaw(m, 'kwargs'), "
        "if(JSONHas(m, 'data', 'content'), JSONExtractRaw(m, 'data'), ''), m), "
        f"[firstNonDefault({_first('e', 'message')}, e)])[1]), {elements})"
    )
    kind = "JSONExtractString(x.2, 'type')"
    speaker = f"transform({kind}, {strings(_SPEAKERS)}, {strings(_SPEAKERS.values())}, '')"
    reason = "firstNonDefault(JSONExtractString(x.1, 'finish_reason'), JSONExtractString(x.2, 'finish_reason'), "
    reason += "JSONExtractString(x.2, 'stop_reason'), JSONExtractString(x.2, 'response_metadata', 'finish_reason'))"
    bound = (
        f"arrayMap(x -> (x.2, firstNonDefault(JSONExtractString(x.2, 'role'), {speaker}, {role}), "
        f"if(startsWith(x.2, '{{'), {_first('x.2', 'parts', 'content', 'summary', 'output')}, x.2), {reason}, "
        f"if({kind} = 'function_call', [x.2], JSONExtractArrayRaw(x.2, 'tool_calls'))), {opened})"
    )
    # OpenLIT puts a content list into a part; an embedding may come as the content of a choice, and numbers are
    # nobody's words.
    inner = "JSONExtractString(e, 'type') = 'text' AND startsWith(JSONExtractRaw(e, 'content'), '[{')"
    pieces = (
        "arrayFilter(e -> startsWith(e, '{') OR startsWith(e, '\"'), "
        f"arrayFlatten(arrayMap(e -> if({inner}, JSONExtractArrayRaw(e, 'content'), [e]), "
        "if(startsWith(m.3, '['), JSONExtractArrayRaw(m.3), [m.3]))))"
    )
    split = f"arrayMap(m -> (m.1, m.2, m.3, m.4, m.5, {pieces}), {bound})"
    is_call = f"JSONExtractString(e, 'type') IN {_CALLS}"
    is_other = "m.3 = '' AND m.5 = [] AND NOT JSONHas(m.1, 'role') AND NOT JSONHas(m.1, 'content')"
    parts = (
        f"arrayConcat(multiIf({is_other}, [{text_part('toJSONString(m.1)')}], m.3 IN ('', '\"\"'), [], "
        f"m.2 = 'tool' AND NOT JSONHas(m.1, 'parts') AND JSONExtractString(m.3, 1, 'type') != 'tool-result', "
        f"[{tool_call_response(_first('m.1', 'tool_call_id', 'call_id', 'id'), 'm.3')}], "
        f"arrayMap(e -> {_part('e')}, arrayFilter(e -> NOT ({is_call}), m.6))), "
        f"arrayMap(r -> {text_part('r')}, arrayFilter(r -> r NOT IN ('', '\"\"'), [{_first('m.1', 'refusal')}])), "
        f"{provider_calls(f'arrayConcat(m.5, arrayFilter(e -> {is_call}, m.6))')})"
    )
    return f"arrayMap(m -> {message('m.2', parts, 'm.4')}, {split})"
