/**
 * Emphasis next to Chinese, Japanese and Korean. CommonMark decides by spaces and punctuation where emphasis may begin
 * and end, and these languages have no spaces: `**中文。**中文` stays as it is. Here CJK punctuation counts as a letter,
 * and a CJK character beside a delimiter allows what a space allows. The form of the rules is that of marked 18.
 */
import type { Tokenizer } from "marked";

type InlineRules = Tokenizer["rules"]["inline"];

const CJK_PUNCTUATION = "[\\u3001-\\u3003\\u3008-\\u3011\\u3014-\\u301f\\u3030\\u30fb\\ufe30-\\ufe4f\\uff01-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff40\\uff5b-\\uff65]";
const CJK = "[\\p{Script_Extensions=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Bopomofo}\\u3001-\\u303f\\ufe30-\\ufe4f\\uff01-\\uffef]";
const PUNCTUATION = `(?:(?!~)(?!${CJK_PUNCTUATION})[\\p{P}\\p{S}])`;
const LETTER = `(?:[^\\s\\p{P}\\p{S}]|~|${CJK_PUNCTUATION})`;

const LEFT = new RegExp(
  `^(?:\\*+(?:((?!\\*)${PUNCTUATION})|([^\\s*]))?)|^_+(?:((?!_)(?!~)[\\p{P}\\p{S}])|([^\\s_]))?`, "u",
);

/** The groups are those of marked: 1 and 2 end emphasis, 3 and 4 begin it, 5 and 6 can do both. */
const RIGHT = new RegExp(
  [
    "^[^_*]*?__[^_*]*?\\*[^_*]*?(?=__)",
    "[^*]+(?=[^*])",
    `(?!\\*)${PUNCTUATION}(\\*+)(?=\\s|$)`,
    `${LETTER}(\\*+)(?!\\*)(?=\\s|${PUNCTUATION}|$)`,
    `(?!\\*)(?:\\s|${PUNCTUATION}(?!\\*+${CJK}))(\\*+)(?=${LETTER})`,
    `\\s(\\*+)(?!\\*)(?=${PUNCTUATION})`,
    `(?!\\*)${PUNCTUATION}(\\*+)(?!\\*)(?=${PUNCTUATION}|${CJK})`,
    `${LETTER}(\\*+)(?=${LETTER})`,
  ].join("|"),
  "gu",
);

/** Asked about the character before a delimiter. */
const BEFORE = new RegExp(`^((?![*_])(?:[\\s\\p{P}\\p{S}]|${CJK}))`, "u");

export function withCjkEmphasis(rules: InlineRules): InlineRules {
  return { ...rules, emStrongLDelim: LEFT, emStrongRDelimAst: RIGHT, punctuation: BEFORE };
}
