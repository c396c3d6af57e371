"""Tables leave the text: https://www.mediawiki.org/wiki/Help:Tables."""

CASES = [
    ("a\n{|\n| b\n|}\nc", "a ¶ c", []),
    ('a\n{| class="x"\n|+ caption\n! h !! i\n|-\n| b || c\n|}\nd', "a ¶ d", []),
    ("{|\n|\n{|\n| inner\n|}\n| b\n|}\nc", "c", []),
    (":{|\n| b\n|}\nc", "c", []),
    ("::: {|\n| b\n|}\nc", "c", []),
    (" {|\n| b\n |}\nc", "c", []),
    ("{|\n| b\n|} c", "c", []),
    ("a {| b", "a {| b", []),
    ("a |} b", "a |} b", []),
    ("{|\n| [[a]] {{nowrap|b}}\n|}\n[[c]]", "c", [("c", "C")]),
    ("{|\n| b\n\nc\n|-\n| d\n|}\ne", "e", []),
    # Never closed: the rest of the page is there.
    ("{|\n| b\n| c\n\ntext", "text", []),
    ("{|\n| b\n== H ==\ntext", "text", []),
    ("{|\n| b\n\n{|\n| c\n|}\ntext", "text", []),
    ("{|", "", []),
    # Built of templates.
    ("{{nowrap|a}}\n{{{!}}\n{{!}} b\n{{!}}}\nc", "a ¶ c", []),
    # HTML.
    ("a<table><tr><td>b</td></tr></table>c", "a ¶ c", []),
    ("<table border=1><tr><td><table><tr><td>b</td></tr></table></td></tr></table>c", "c", []),
    ("<table><tr><td>b\n\nc", "b ¶ c", []),
    ("a</table>b", "a ¶ b", []),
    ("<nowiki>{|</nowiki>\n| a", "{| | a", []),
]
