/** Bytes, rates and times in the words of the browser's language. */

const BYTE_UNITS = ["kilobyte", "megabyte", "gigabyte"] as const;
const LARGEST_UNIT = "terabyte";

function format(value: number, unit: string, digits: number, unitDisplay: "short" | "long" = "short"): string {
  return new Intl.NumberFormat(chrome.i18n.getUILanguage(), {
    style: "unit",
    unit,
    unitDisplay,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** The number to show, and its unit; 999,960 is 1.0 MB rather than 1,000.0 kB. */
function scale(bytes: number): [number, string] {
  let value = bytes / 1000;
  for (const unit of BYTE_UNITS) {
    if (value < 999.95) return [value, unit];
    value /= 1000;
  }
  return [value, LARGEST_UNIT];
}

export function formatBytes(bytes: number): string {
  const [value, unit] = scale(bytes);
  return format(value, unit, 1);
}

export function formatRate(bytesPerSecond: number): string {
  const [value, unit] = scale(bytesPerSecond);
  return format(value, `${unit}-per-second`, 1);
}

/** In one unit, rounded up: whoever waits is never promised too little. Hours begin at two, where rounding costs less. */
export function formatTime(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return format(whole, "second", 0, "long");
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? format(minutes, "minute", 0, "long") : format(Math.ceil(seconds / 3600), "hour", 0, "long");
}
