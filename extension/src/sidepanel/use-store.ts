/** Renders a component again whenever a store's value changes. */
import { useEffect, useState } from "preact/hooks";
import type { Store } from "./state/store";

export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(() => store.get());
  useEffect(() => store.watch((latest) => {
    setValue(() => latest);
  }), [store]);
  return value;
}
