/**
 * One immutable value and those who watch it. Watchers hear of changes at most once per animation frame, however many
 * tokens arrive in between.
 */
export class Store<T> {
  #value: T;
  #scheduled = false;
  readonly #watchers = new Set<(value: T) => void>();
  readonly #schedule: (notify: () => void) => void;

  constructor(initial: T, schedule: (notify: () => void) => void = requestAnimationFrame) {
    this.#value = initial;
    this.#schedule = (notify) => {
      schedule(notify);
    };
  }

  get(): T {
    return this.#value;
  }

  update(change: Partial<T>): void {
    this.#value = { ...this.#value, ...change };
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      for (const watcher of this.#watchers) watcher(this.#value);
    });
  }

  watch(watcher: (value: T) => void): () => void {
    this.#watchers.add(watcher);
    watcher(this.#value);
    return () => {
      this.#watchers.delete(watcher);
    };
  }
}
