"""Bold and italics: https://www.mediawiki.org/wiki/Help:Formatting, and the rule of `Parser::doQuotes`."""

CASES = [
    # wikitext, text (paragraphs separated by " ¶ "), links (surface, title)
    ("''italic''", "italic", []),
    ("'''bold'''", "bold", []),
    ("'''''both'''''", "both", []),
    ("plain ''italic'' plain '''bold''' plain", "plain italic plain bold plain", []),
    ("it's a dog's life", "it's a dog's life", []),
    ("'quoted' words", "'quoted' words", []),
    # Four apostrophes: one is text, then bold.
    ("''''four''''", "'four'", []),
    ("''''''six''''''", "'six'", []),
    ("''''''''eight''''''''", "'''eight'''", []),
    ("'''''''seven'''''''", "''seven''", []),
    # Nested in either order.
    ("'''bold ''both'' bold'''", "bold both bold", []),
    ("''italic '''both''' italic''", "italic both italic", []),
    ("'''''both''' italic''", "both italic", []),
    ("'''''both'' bold'''", "both bold", []),
    ("'''bold ''both'''''", "bold both", []),
    ("''italic '''both'''''", "italic both", []),
    # Never closed: the line's end closes.
    ("'''open\nnext line", "open next line", []),
    ("''open\nnext '' line", "open next line", []),
    ("'''''open", "open", []),
    # An odd bold and an odd italic run: one bold run is an apostrophe and an italic run.
    ("''l'''amour'' de", "lamour de", []),
    ("the ''l'''Iliade is", "the l'Iliade is", []),
    ("''Iliad'''s", "Iliad's", []),
    ("''x'''", "x'", []),
    ("'''x''", "'x", []),
    ("this ''year'''s election", "this year's election", []),
    ("'''this year'''s ''election'", "this years election'", []),
    ("'''L'''Aurore'' is", "LAurore is", []),
    # Both counts odd: the run behind a word of one letter is chosen before the others.
    ("''ab '''c d'''e f'''g", "ab c d'e fg", []),
    ("''d'''Artagnan''", "dArtagnan", []),
    ("x '''à'''b ''c d'''e", "x àb c d'e", []),
    # Both even: nothing is text.
    ("'''a'''b'''c'''", "abc", []),
    ("''a''b''c''", "abc", []),
    # Inside and around links.
    ("''[[Iliad]]''", "Iliad", [("Iliad", "Iliad")]),
    ("'''[[Iliad]]'''s", "Iliads", [("Iliad", "Iliad")]),
    ("[[Iliad|''Iliad'']]", "Iliad", [("Iliad", "Iliad")]),
    ("''[[Iliad]]'''s hero", "Iliad's hero", [("Iliad", "Iliad")]),
    ("[[Iliad|The '''Iliad''']]s", "The Iliads", [("The Iliads", "Iliad")]),
    ("'''[[a|b]] c", "b c", [("b", "A")]),
    # Paired inside a link, shown where the target itself has them.
    ("[[a''b]]", "a''b", [("a''b", "A''b")]),
    ("''[[a|b'' c]] d", "b c d", [("b c", "A")]),
    ("[[a|b'''c]] ''d", "bc d", [("bc", "A")]),
    ("[[a|''''b'']]", "''b", [("''b", "A")]),
    # An apostrophe template keeps the marks apart.
    ("''Iliad''{{'}}s", "Iliad's", []),
    ("''Iliad''{{'s}} end", "Iliad's end", []),
    ("''Iliad''<nowiki/>'s", "Iliad's", []),
    ("''Iliad''&#39;s", "Iliad's", []),
    ("''Iliad''&apos;s", "Iliad's", []),
    # Each line is balanced by itself, list items as well.
    ("* ''a\n* b''", "a ¶ b", []),
    ("''a''\n'''b'''", "a b", []),
    ("== ''Title'' ==\ntext", "text", []),
    ("a '' b", "a b", []),
    ("''", "", []),
    ("''''", "'", []),
    ("'''", "", []),
    ("<nowiki>''not italic''</nowiki>", "''not italic''", []),
    ("x<sup>''2''</sup>", "x2", []),
]
