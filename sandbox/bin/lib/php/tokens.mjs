const pattern =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|(?<number>\d+(?:\.\d+)?)|(?<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(?<variable>\$[A-Za-z_]\w*)|(?<name>\\?[A-Za-z_][\w\\]*)|(?<sign>\?\?=|===|!==|=>|->|::|\?\?|\?:|&&|\|\||==|!=|<=|>=|\.=|[-+*/%.,;:?!<>=()[\]{}])/y;

/** The tokens of PHP code, blanks and comments left out. Throws on what PHP has and the sandbox does not. */
export function tokensOf(code) {
  const tokens = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < code.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(code);
    if (!match) throw new Error(`The sandbox's PHP cannot read: ${code.slice(at, at + 30)}`);
    for (const [kind, text] of Object.entries(match.groups)) if (text !== undefined) tokens.push({ kind, text });
  }
  return tokens;
}

/** What a string literal says. Variables inside double quotes are not done, so they are refused. */
export function stringOf(literal) {
  const inner = literal.slice(1, -1);
  if (literal[0] === "'") return inner.replace(/\\(['\\])/g, '$1');
  if (/(?<!\\)\$[A-Za-z_{]|\{\$/.test(inner)) throw new Error(`The sandbox's PHP puts no variables into strings: ${literal}`);
  const escapes = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\', $: '$' };
  return inner.replace(/\\([ntr"\\$])/g, (_, letter) => escapes[letter]);
}
