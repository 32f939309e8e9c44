"""Names and texts that a stranger chooses for a terminal, a page or a spreadsheet to obey."""

import re
import unicodedata

_ESC, _CSI, _OSC, _ST = "\x1b", "\x9b", "\x1b]", "\x1b\\"
HOSTILE = (
    # Colours, hidden text, and other looks (SGR).
    f"{_ESC}[31mred",
    f"{_ESC}[1mbold",
    f"{_ESC}[8mhidden{_ESC}[0m",
    f"{_ESC}[38;5;196m256",
    f"{_ESC}[48;2;0;0;0mblack",
    f"{_CSI}31mC1 red",
    # The cursor and the screen: what was printed is written over.
    f"{_ESC}[2J{_ESC}[Hcleared",
    f"{_ESC}[1A{_ESC}[2Kthe line above",
    f"{_ESC}[3Jscrollback",
    f"{_ESC}[?1049hother screen",
    f"{_ESC}[?25lno cursor",
    f"{_ESC}[5mblink",
    f"{_ESC}[10;10Hmoved",
    f"{_ESC}7{_ESC}8saved",
    f"{_ESC}creset",
    f"{_ESC}(0line drawing",
    f"{_ESC}%Gcharset",
    f"{_ESC}#8alignment",
    f"{_CSI}2JC1 cleared",
    f"{_ESC}[?2004hpaste",
    f"{_ESC}[?1000hmouse",
    f"{_ESC}[4hinsert",
    # Questions that the terminal answers as if somebody had typed it.
    f"{_ESC}[6n",
    f"{_ESC}[c",
    f"{_ESC}[>q",
    f"{_ESC}[21t",
    f"{_ESC}Zwho",
    f'{_ESC}P$q"p{_ESC}\\',
    f"{_ESC}P+q544e{_ESC}\\",
    # Title, links, clipboard, colours, notifications, files (OSC), and strings of other kinds.
    f"{_OSC}0;title\x07",
    f"{_OSC}2;title{_ST}",
    f"{_OSC}8;;http://example.com\x07link{_OSC}8;;\x07",
    f"{_OSC}8;id=1;file:///etc/passwd{_ST}link{_OSC}8;;{_ST}",
    f"{_OSC}52;c;cm0gLXJmIC8=\x07",
    f"{_OSC}4;0;red\x07",
    f"{_OSC}9;done\x07",
    f"{_OSC}777;notify;a;b\x07",
    f"{_OSC}1337;File=inline=1:AAAA\x07",
    f"{_OSC}7;file:///tmp\x07",
    "\x9d0;C1 title\x9c",
    f"{_ESC}_Gi=1;AAAA{_ESC}\\",
    f"{_ESC}^private{_ESC}\\",
    f"{_ESC}Xstart{_ESC}\\",
    "\x90C1 device\x9c",
    # Single control characters.
    "bell\x07",
    "back\x08\x08\x08\x08space",
    "return\rover",
    "form\x0cfeed",
    "tab\x0bvertical",
    "shift\x0eout\x0f",
    "substitute\x1a",
    "delete\x7f",
    "next\x85line",
    "control\x84\x8d\x8e",
    "line\nfeed: all is well",
    "tab\tstop",
    "xon\x11xoff\x13",
    "file\x1cgroup\x1drecord\x1eunit\x1f",
    # Marks that turn, hide or join text.
    "gpj.\u202egnp.exe",
    "\u202dleft to right\u202c",
    "\u2066isolate\u2069",
    "\u2067right to left\u2069",
    "\u2068first strong\u2069",
    "\u200eLRM\u200f",
    "\u061cArabic mark",
    "zero\u200bwidth",
    "joined\u200d\u200cor not",
    "word\u2060joiner",
    "\ufeffbyte order",
    "soft\u00adhyphen",
    "\u206aold\u206f",
    "\ufff9note\ufffa\ufffb",
    "\U000e0001tag\U000e0041",
    "\U0001d173music",
    "\u180evowel",
    "line\u2028separator",
    "paragraph\u2029separator",
    # What is no text at all.
    "caf\udce9",
    "\ud800lone",
    "\udfffsurrogate",
    "private\ue000use",
    "no\ufffecharacter",
    "\U0010ffffno character",
    # What a spreadsheet computes, and what rich, HTML and YAML obey.
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    '=HYPERLINK("http://example.com")',
    "[bold red]markup[/]",
    ":warning: emoji :dog:",
    "[link=file:///etc/passwd]link[/link]",
    "<script>alert(1)</script>",
    "<b onmouseover=alert(1)>",
    "{{ 7 * 7 }}",
    "%s %d {0} {name}",
    "!!python/object:os.system",
)
"""Each of them is a name or a text of its own."""

_OURS = re.compile(r"\x1b\[[01]m")
"""All that Compound sends to a terminal for looks: bold, and back."""


def obeyed(text: str) -> list[str]:
    """Return what is left of control, format and no characters, but for ends of lines and bold."""
    plain = _OURS.sub("", text.replace("\r\n", "\n"))
    return [char for char in plain if char not in "\n" and _unfit(char)]


def _unfit(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
