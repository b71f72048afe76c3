import type { Cursor } from './file-bytes.js';
import { callGlobal, Global, PythonObject } from './python-values.js';

/** Far more than any checkpoint has; a file made to exhaust the memory is refused instead. */
const MOST_STEPS = 20_000_000;

/** What is in a mark's place on the stack is kept in a stack of its own. */
type Stack = unknown[];

/**
 * Reads one pickle (protocols 0 to 5) and executes nothing: the few globals that checkpoints are made of become plain values,
 * every other one an inert `PythonObject` (src/checkpoint/python-values.ts). Dictionaries become Maps, lists and tuples arrays.
 * `persistent` gives what a persistent id stands for. Afterwards the cursor stands behind the pickle.
 * Throws `bad-checkpoint` for anything that is not a whole pickle.
 */
export function unpickle(cursor: Cursor, persistent: (id: unknown) => unknown): unknown {
  const damaged = (why: string) => cursor.file.damaged(`${why} (byte ${cursor.at})`);
  let stack: Stack = [];
  const marks: Stack[] = [];
  const memo = new Map<number, unknown>();

  const pop = (): unknown => {
    if (stack.length === 0) throw damaged('a pickle takes from an empty stack');
    return stack.pop();
  };
  const top = (): unknown => {
    if (stack.length === 0) throw damaged('a pickle looks at an empty stack');
    return stack[stack.length - 1];
  };
  const toMark = (): Stack => {
    const items = stack;
    const below = marks.pop();
    if (!below) throw damaged('a pickle has no mark where one is wanted');
    stack = below;
    return items;
  };
  const remembered = (index: number): unknown => {
    if (!memo.has(index)) throw damaged('a pickle recalls what it never kept');
    return memo.get(index);
  };
  const length4 = () => cursor.bytes(4).readUInt32LE();
  const length8 = () => Number(cursor.bytes(8).readBigUInt64LE());
  const text = (length: number) => cursor.bytes(length).toString('utf8');
  const own = (length: number) => Buffer.from(cursor.bytes(length));
  const number = (line: string, form: RegExp) => {
    if (!form.test(line)) throw damaged(`a pickle has '${line.slice(0, 40)}' for a number`);
    return line;
  };
  const append = (to: unknown, items: readonly unknown[]) => {
    if (Array.isArray(to)) for (const item of items) to.push(item);
    else if (to instanceof PythonObject) for (const item of items) to.items.push(item);
    else throw damaged('a pickle appends to what is no list');
  };
  const setItems = (to: unknown, items: readonly unknown[]) => {
    const entries = to instanceof Map ? to : to instanceof PythonObject ? to.entries : undefined;
    if (!entries || items.length % 2) throw damaged('a pickle sets items of what is no dictionary');
    for (let i = 0; i < items.length; i += 2) entries.set(items[i], items[i + 1]);
  };
  const call = (callee: unknown, args: unknown) => {
    if (!(callee instanceof Global) || !Array.isArray(args)) throw damaged('a pickle calls what is no global');
    return callGlobal(callee, args, damaged);
  };
  const global = (module: unknown, name: unknown) => {
    if (typeof module !== 'string' || typeof name !== 'string') throw damaged('a pickle names a global by no text');
    return new Global(module, name);
  };
  const build = (state: unknown) => {
    const object = top();
    if (object instanceof PythonObject) object.state = state;
    // Attributes of an OrderedDict (`_metadata`) or of a tensor hold no weights.
  };

  for (let steps = 0; ; steps++) {
    if (steps > MOST_STEPS) throw damaged(`a pickle has more than ${MOST_STEPS} steps`);
    const code = cursor.byte();
    switch (code) {
      case 0x80: {
        // PROTO
        const protocol = cursor.byte();
        if (protocol > 5) throw damaged(`a pickle has protocol ${protocol}; 0 to 5 are read`);
        break;
      }
      case 0x95: // FRAME
        cursor.bytes(8);
        break;
      case 0x2e: // STOP
        if (marks.length || stack.length !== 1) throw damaged('a pickle ends with more or less than one value');
        return pop();

      case 0x28: // MARK
        marks.push(stack);
        stack = [];
        break;
      case 0x30: // POP
        if (stack.length === 0 && marks.length) toMark();
        else pop();
        break;
      case 0x31: // POP_MARK
        toMark();
        break;
      case 0x32: // DUP
        stack.push(top());
        break;

      case 0x4e:
        stack.push(null);
        break;
      case 0x88:
        stack.push(true);
        break;
      case 0x89:
        stack.push(false);
        break;
      case 0x49: {
        // INT; 00 and 01 are flags
        const line = cursor.line();
        stack.push(line === '00' ? false : line === '01' ? true : integer(BigInt(number(line, /^-?\d+$/))));
        break;
      }
      case 0x4a:
        stack.push(cursor.bytes(4).readInt32LE());
        break;
      case 0x4b:
        stack.push(cursor.byte());
        break;
      case 0x4d:
        stack.push(cursor.bytes(2).readUInt16LE());
        break;
      case 0x4c: // LONG
        stack.push(integer(BigInt(number(cursor.line().replace(/L$/, ''), /^-?\d+$/))));
        break;
      case 0x8a: // LONG1
        stack.push(littleEndian(cursor.bytes(cursor.byte())));
        break;
      case 0x8b: {
        // LONG4. Numbers of more than a few bytes have no place in a checkpoint, and big ones take long to make.
        const length = length4();
        if (length > 1024) throw damaged(`a pickle has a number of ${length} bytes`);
        stack.push(littleEndian(cursor.bytes(length)));
        break;
      }
      case 0x46: // FLOAT
        stack.push(Number(number(cursor.line(), /^[-+.\deE]+$|^-?(inf|nan)$/).replace('inf', 'Infinity')));
        break;
      case 0x47:
        stack.push(cursor.bytes(8).readDoubleBE());
        break;

      case 0x53: // STRING: in Python's quotes
        stack.push(cursor.line().replace(/^(['"])(.*)\1$/, '$2'));
        break;
      case 0x54: // BINSTRING
        stack.push(cursor.bytes(length4()).toString('latin1'));
        break;
      case 0x55: // SHORT_BINSTRING
        stack.push(cursor.bytes(cursor.byte()).toString('latin1'));
        break;
      case 0x56: // UNICODE
        stack.push(cursor.line());
        break;
      case 0x58:
        stack.push(text(length4()));
        break;
      case 0x8c:
        stack.push(text(cursor.byte()));
        break;
      case 0x8d:
        stack.push(text(length8()));
        break;
      case 0x42:
        stack.push(own(length4()));
        break;
      case 0x43:
        stack.push(own(cursor.byte()));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(own(length8()));
        break;

      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        break;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        break;
      case 0x8f: // EMPTY_SET
        stack.push(new Set());
        break;
      case 0x6c: // LIST
      case 0x74: {
        // TUPLE
        const items = toMark();
        stack.push(items);
        break;
      }
      case 0x85:
        stack.push([pop()]);
        break;
      case 0x86: {
        const b = pop();
        stack.push([pop(), b]);
        break;
      }
      case 0x87: {
        const c = pop();
        const b = pop();
        stack.push([pop(), b, c]);
        break;
      }
      case 0x64: {
        // DICT
        const items = toMark();
        const made = new Map();
        setItems(made, items);
        stack.push(made);
        break;
      }
      case 0x61: {
        // APPEND
        const item = pop();
        append(top(), [item]);
        break;
      }
      case 0x65: {
        // APPENDS
        const items = toMark();
        append(top(), items);
        break;
      }
      case 0x73: {
        // SETITEM
        const value = pop();
        const key = pop();
        setItems(top(), [key, value]);
        break;
      }
      case 0x75: {
        // SETITEMS
        const items = toMark();
        setItems(top(), items);
        break;
      }
      case 0x90: {
        // ADDITEMS
        const items = toMark();
        const to = top();
        if (to instanceof Set) for (const item of items) to.add(item);
        else append(to, items);
        break;
      }
      case 0x91: {
        // FROZENSET
        const items = toMark();
        stack.push(new Set(items));
        break;
      }

      case 0x67: // GET
        stack.push(remembered(Number(cursor.line())));
        break;
      case 0x68: // BINGET
        stack.push(remembered(cursor.byte()));
        break;
      case 0x6a: // LONG_BINGET
        stack.push(remembered(length4()));
        break;
      case 0x70: // PUT
        memo.set(Number(cursor.line()), top());
        break;
      case 0x71: // BINPUT
        memo.set(cursor.byte(), top());
        break;
      case 0x72: // LONG_BINPUT
        memo.set(length4(), top());
        break;
      case 0x94: // MEMOIZE
        memo.set(memo.size, top());
        break;

      case 0x63: {
        // GLOBAL
        const module = cursor.line();
        stack.push(global(module, cursor.line()));
        break;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = pop();
        stack.push(global(pop(), name));
        break;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = pop();
        stack.push(call(pop(), args));
        break;
      }
      case 0x92: {
        // NEWOBJ_EX: keyword arguments make no difference to inert data
        pop();
        const args = pop();
        stack.push(call(pop(), args));
        break;
      }
      case 0x69: {
        // INST
        const module = cursor.line();
        const callee = global(module, cursor.line());
        stack.push(call(callee, toMark()));
        break;
      }
      case 0x6f: {
        // OBJ
        const [callee, ...args] = toMark();
        stack.push(call(callee, args));
        break;
      }
      case 0x62: // BUILD
        build(pop());
        break;
      case 0x50: // PERSID
        stack.push(persistent(cursor.line()));
        break;
      case 0x51: // BINPERSID
        stack.push(persistent(pop()));
        break;
      default:
        throw damaged(`a pickle has the step 0x${code.toString(16)}, which checkpoints do not use`);
    }
  }
}

/** Little-endian two's complement of any length. */
function littleEndian(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const unsigned = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  return integer(BigInt.asIntN(8 * bytes.length, unsigned));
}

const integer = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
