/**
 * The host's models. Those that are in memory, and so answer at once, are marked. What is seen of the closed picker is
 * drawn here, with the browser's own list lying invisibly on top: a long name is cut without losing the mark.
 */
import type { JSX } from "preact";
import type { ModelEntry } from "../../protocol/messages";
import { t } from "../i18n";
import { ChevronIcon } from "./icons";

interface ModelPickerProps {
  models: readonly ModelEntry[] | null;
  selected: string | null;
  onSelect: (name: string) => void;
  onOpen: () => void;
}

export function ModelPicker({ models, selected, onSelect, onOpen }: ModelPickerProps): JSX.Element {
  const isEmpty = models === null || models.length === 0;
  const isLoaded = models?.find(({ name }) => name === selected)?.loaded ?? false;
  const shown = selected ?? t(models === null ? "model_unknown" : "model_none");
  return (
    <div class="model-picker">
      <span class="model-name" aria-hidden="true">
        {shown}
      </span>
      {isLoaded && <span class="loaded-mark" aria-hidden="true" />}
      <ChevronIcon />
      <select
        data-testid="model-picker"
        aria-label={t("model_label")}
        title={isLoaded ? t("model_loaded", shown) : shown}
        value={selected ?? ""}
        disabled={isEmpty}
        onFocus={onOpen}
        onChange={(event) => {
          onSelect(event.currentTarget.value);
        }}
      >
        {isEmpty && <option value={selected ?? ""}>{shown}</option>}
        {models?.map(({ name, loaded }) => (
          <option key={name} value={name} data-loaded={loaded}>
            {loaded ? t("model_loaded", name) : name}
          </option>
        ))}
      </select>
    </div>
  );
}
