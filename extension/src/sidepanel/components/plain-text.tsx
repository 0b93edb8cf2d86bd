/** Text as it is. A long one comes in pieces, of which the browser lays out only those in view. */
import type { JSX } from "preact";
import { PLAIN_CHARS, splitPlain } from "../markdown/sections";

export function PlainText({ text }: { text: string }): JSX.Element {
  if (text.length <= PLAIN_CHARS) return <>{text}</>;
  return (
    <>
      {splitPlain(text).map((piece, index) => (
        <span key={index} class="piece long" dir="auto">
          {piece.replace(/\n$/, "")}
        </span>
      ))}
    </>
  );
}
