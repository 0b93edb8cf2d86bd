"""LangChain's client of OpenAI's dialect, as a smoke test."""

from __future__ import annotations

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from tabagent_harness.http_process import HttpProcess
from tests.questions import QUESTION, SYSTEM
from tests.support import MODEL

CAPITAL = [("system", SYSTEM), ("human", QUESTION)]


def test_chat_and_embeddings(real: HttpProcess) -> None:
    key, url = SecretStr(real.token), f"{real.address}/v1"
    chat = ChatOpenAI(model=MODEL, base_url=url, api_key=key, temperature=0, max_retries=0)
    assert "Paris" in str(chat.invoke(CAPITAL).content)
    assert "Paris" in "".join(str(it.content) for it in chat.stream(CAPITAL))
    # Its default counts tokens with the tokenizer of OpenAI's own models and sends these numbers.
    embeddings = OpenAIEmbeddings(model="minilm", base_url=url, api_key=key, check_embedding_ctx_length=False)
    assert [len(it) for it in embeddings.embed_documents(["a cat", "a dog"])] == [384, 384]
