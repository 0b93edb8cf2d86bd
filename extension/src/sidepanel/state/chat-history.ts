/**
 * The conversation as the `messages` of a `chat` request. Many chat templates refuse two messages of one role in a
 * row, so a question that was never answered is joined with the one after it. Thoughts stay here: a model is asked
 * with what was said.
 */
import type { ChatMessage } from "../../protocol/messages";
import type { Conversation } from "./conversation";

type TextMessage = Pick<ChatMessage, "role"> & { content: string };

export function toChatMessages(conversation: Conversation): TextMessage[] {
  const messages: TextMessage[] = [];
  for (const { role, text } of conversation) {
    // Half a surrogate pair can be typed in JavaScript but not be sent as UTF-8.
    const content = text.toWellFormed();
    const previous = messages.at(-1);
    if (role === "assistant" && content === "") continue;
    if (previous?.role === role) previous.content += `\n\n${content}`;
    else messages.push({ role, content });
  }
  return messages;
}
