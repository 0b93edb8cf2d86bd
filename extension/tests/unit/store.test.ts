import { expect, it } from "vitest";
import { Store } from "../../src/sidepanel/state/store";

it("tells watchers once per frame, however often it changes, and with the latest value", () => {
  const frames: (() => void)[] = [];
  const store = new Store({ n: 0 }, (notify) => frames.push(notify));
  const seen: number[] = [];
  const unwatch = store.watch(({ n }) => seen.push(n));
  store.update({ n: 1 });
  store.update({ n: 2 });
  expect(frames).toHaveLength(1);
  frames[0]?.();
  expect(seen).toEqual([0, 2]);
  store.update({ n: 3 });
  expect(frames).toHaveLength(2);
  unwatch();
  frames[1]?.();
  expect(seen).toEqual([0, 2]);
});
