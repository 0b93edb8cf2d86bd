/** The panel's icons: drawn for it, decorative, in the colour of the text around them. */
import type { ComponentChildren, JSX } from "preact";

function Icon({ children, size = 18 }: { children: ComponentChildren; size?: number }): JSX.Element {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export function ComposeIcon(): JSX.Element {
  return (
    <Icon size={20}>
      <path d="M16.5 9.5v5a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2h5" />
      <path d="M8 12l.4-2.2 6.9-6.9a1.2 1.2 0 0 1 1.8 1.8l-6.9 6.9z" />
    </Icon>
  );
}

export function ChevronIcon(): JSX.Element {
  return (
    <Icon size={14}>
      <path d="M5 8l5 5 5-5" />
    </Icon>
  );
}

export function ArrowDownIcon(): JSX.Element {
  return (
    <Icon>
      <path d="M10 4v12M5 11l5 5 5-5" />
    </Icon>
  );
}

export function DownloadIcon(): JSX.Element {
  return (
    <Icon size={20}>
      <path d="M10 3.5v9M6 8.5l4 4 4-4M3.5 13v1.5a2 2 0 0 0 2 2h9a2 2 0 0 0 2-2V13" />
    </Icon>
  );
}

/** A ring that closes as `fraction` nears 1. */
export function DownloadingIcon({ fraction }: { fraction: number }): JSX.Element {
  return (
    <Icon size={20}>
      <circle cx="10" cy="10" r="8" opacity="0.25" />
      {fraction > 0 && (
        <circle cx="10" cy="10" r="8" transform="rotate(-90 10 10)" pathLength={100} stroke-dasharray={`${fraction * 100} 100`} />
      )}
      <path d="M10 6.2v7M7 10.4l3 3 3-3" />
    </Icon>
  );
}

export function CloseIcon(): JSX.Element {
  return (
    <Icon size={16}>
      <path d="M5 5l10 10M15 5L5 15" />
    </Icon>
  );
}

export function SendIcon(): JSX.Element {
  return (
    <Icon>
      <path d="M10 16V4M5 9l5-5 5 5" />
    </Icon>
  );
}

export function StopIcon(): JSX.Element {
  return (
    <Icon>
      <rect x="5" y="5" width="10" height="10" rx="1.5" fill="currentColor" />
    </Icon>
  );
}

export function CopyIcon(): JSX.Element {
  return (
    <Icon size={16}>
      <rect x="7" y="7" width="9.5" height="9.5" rx="2" />
      <path d="M13 7V5.5a2 2 0 0 0-2-2H5.5a2 2 0 0 0-2 2V11a2 2 0 0 0 2 2H7" />
    </Icon>
  );
}

export function CheckIcon({ size = 16 }: { size?: number }): JSX.Element {
  return (
    <Icon size={size}>
      <path d="M4 10.5l4 4 8-9" />
    </Icon>
  );
}

/** The mark of TabAgent: as in public/icons/icon.svg. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" width="44" height="44" viewBox="0 0 48 48" aria-hidden="true">
      <path class="mark-tab" d="M2 14A12 12 0 0 1 14 2h20a12 12 0 0 1 12 12v20a12 12 0 0 1-12 12H6a4 4 0 0 1-4-4z" />
      <path
        class="mark-spark"
        d="M22 13l3.1 9.9L35 26l-9.9 3.1L22 39l-3.1-9.9L9 26l9.9-3.1zM36 8l1.3 3.7L41 13l-3.7 1.3L36 18l-1.3-3.7L31 13l3.7-1.3z"
      />
    </svg>
  );
}
