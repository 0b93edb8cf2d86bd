/**
 * Keeps a scrolled element at its end while its content grows or its room shrinks, unless the person has scrolled up
 * to read.
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

/**
 * `content` is compared by identity: a new one means that the element may have grown. Without `isFilled`, what the
 * element shows is to be read from its top.
 */
export function useStickToBottom(content: unknown, isFilled: boolean): StickToBottom {
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

  useLayoutEffect(() => {
    const element = ref.current;
    if (!element || !isFilled) return;
    const observer = new ResizeObserver(() => {
      if (sticks.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    // A long answer grows also between changes of the content, while it is rendered.
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    return () => {
      observer.disconnect();
    };
  }, [isFilled]);

  return { ref, isAtBottom, onScroll, jump };
}
