"""An OpenAI application, observed: two lines more than without.

pip install watchglass[openai]
OPENAI_API_KEY=... python examples/quickstart.py
"""

import openai

import watchglass

watchglass.init(service_name="quickstart")

client = openai.OpenAI()
reply = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "What is a watch glass?"}]
)
print(reply.choices[0].message.content)
