/** Bounds the rendering work between two frames; work past the bound goes on in a later task. */
const FRAME_MS = 30;
/** For short answers, which need no second look when there are few of them. */
const SHORT_MS = 100;

const pending = new Map<Element, () => void>();
let startedAt: number | null = null;
let isScheduled = false;

/** Return False once the rendering of this task has used its share. */
export function hasTime(isShort: boolean): boolean {
  if (startedAt === null) {
    startedAt = performance.now();
    setTimeout(() => {
      startedAt = null;
    }, 0);
  }
  return performance.now() - startedAt < (isShort ? SHORT_MS : FRAME_MS);
}

/** Run `work` in a later task. A newer call for the same element replaces the older one. */
export function continueLater(element: Element, work: () => void): void {
  pending.set(element, work);
  if (isScheduled) return;
  isScheduled = true;
  setTimeout(() => {
    isScheduled = false;
    startedAt = null;
    // The newest message is the one in view.
    const works = [...pending.values()].reverse();
    pending.clear();
    for (const waiting of works) waiting();
  }, 8);
}

export function cancelLater(element: Element): void {
  pending.delete(element);
}
