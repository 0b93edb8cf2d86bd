/**
 * The conversation as the `messages` of a `chat` request. Many chat templates refuse two messages of one role in a
 * row, so a question that was stopped before its answer is joined with the one after it. A refused question is not sent
 * again: it would make the next one fail too. Thoughts stay here: a model is asked with what was said.
 */
import type { ChatMessage } from "../../protocol/messages";
import { isRefused, type Conversation } from "./conversation";

type TextMessage = Pick<ChatMessage, "role"> & { content: string };

export function toChatMessages(conversation: Conversation): TextMessage[] {
  const messages: TextMessage[] = [];
  for (const [index, turn] of conversation.entries()) {
    const { role, text } = turn;
    if (isRefused(turn) || (role === "user" && isRefused(conversation[index + 1]))) continue;
    // Half a surrogate pair can be typed in JavaScript but not be sent as UTF-8.
    const content = text.toWellFormed();
    const previous = messages.at(-1);
    if (role === "assistant" && content === "") continue;
    if (previous?.role === role) previous.content += `\n\n${content}`;
    else messages.push({ role, content });
  }
  return messages;
}
