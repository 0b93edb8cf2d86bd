/**
 * Keeps a scrolled element at its end while it grows, unless the person has scrolled up to read.
 */
import type { RefObject } from "preact";
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";

/** This near to the end counts as at the end. */
const SLACK_PX = 48;

export interface StickToBottom {
  ref: RefObject<HTMLDivElement | null>;
  isAtBottom: boolean;
  onScroll: () => void;
  jump: () => void;
}

/** `content` is compared by identity: a new one means that the element may have grown. */
export function useStickToBottom(content: unknown): StickToBottom {
  const ref = useRef<HTMLDivElement>(null);
  const sticks = useRef(true);
  const [isAtBottom, setAtBottom] = useState(true);

  const jump = useCallback(() => {
    sticks.current = true;
    setAtBottom(true);
    if (ref.current) ref.current.scrollTop = ref.current.scrollHeight;
  }, []);

  const onScroll = useCallback(() => {
    const element = ref.current;
    if (!element) return;
    sticks.current = element.scrollHeight - element.scrollTop - element.clientHeight <= SLACK_PX;
    setAtBottom(sticks.current);
  }, []);

  useLayoutEffect(() => {
    if (sticks.current && ref.current) ref.current.scrollTop = ref.current.scrollHeight;
  }, [content]);

  return { ref, isAtBottom, onScroll, jump };
}
