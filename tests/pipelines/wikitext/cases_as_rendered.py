"""What MediaWiki 1.39 makes of corners of the grammar, seen by having it render them."""

CASES = [
    # Of signs for lists only those that end in a semicolon begin a term.
    (":;*foo\n::*bar", "foo ¶ bar", []),
    # Apostrophes and brackets with a tag between them are no longer run; letters behind a tag are no trail.
    ("'<span>''bar''</span>' '<b>'''c'''</b>'", "'bar' 'c'", []),
    ("''<small>''a", "a", []),
    ("[<small>[[A]]</small>]", "[A]", [("A", "A")]),
    ("[[A]]<small>ls</small> [[B]]s<i>x</i>", "Als Bsx", [("A", "A"), ("Bs", "B")]),
    ("[[A]]</b>{{lc:BC}}", "Abc", [("A", "A")]),
    ("[[A]]<noinclude>s</noinclude> [[A]]<!-- c -->s", "As As", [("As", "A"), ("As", "A")]),
    ("[[<code>k</code>]]", "[[k]]", []),
    # A tag at the start of a line keeps it from being a list, a heading or a line across.
    ("<small>* a</small>", "* a", []),
    ("<b>; a : b</b>", "; a : b", []),
    ("x\n</b>---- y", "x ---- y", []),
    # Preformatted text without an end, and tags that look as if they ended themselves.
    ("<pre>a <b>''b''</b>", "a b", []),
    ("a<nowiki / >b<nowiki/>c", "a<nowiki / >bc", []),
    ("a<ref name=b / >c</ref> d", "a d", []),
    ('a<ref name="b <ref>c</ref> d<ref name=e>f</ref>', "a d", []),
    ("a <ref name=b group=<i>c</i>>d</ref> <pre <b>e</b></pre>", "a ¶ e</b>", []),
    ('<span <includeonly>id="a"</includeonly><noinclude>id="b"</noinclude>>c</span>', "c", []),
    # Blocks in a heading do not end it.
    ("a\n== <blockquote>H</blockquote> ==\nb\n==''H'' <div>I</div>==\nc", "a ¶ b ¶ c", []),
    ("==<center>H</center>==\na", "a", []),
    ("== H ==\n[[Category:C]] a", "a", []),
    # Addresses whose host is a number.
    ("[http://[2404:130:0:1000::187:2]/index.php test] [http://[::] b]", "test b", []),
    ("[http://[::1 c]", "[http://[::1 c]", []),
    # Of an argument's default nothing counts behind a second pipe.
    ("{{{a|b|c}}} {{{a|[[b|c]]|d}}}", "b c", [("c", "B")]),
    ("{{{{a}}}", "{{{{a}}}", []),
    # No page has a name of two lines.
    ("{{a\nb|c}} {{a\nb}}", "{{a b|c}} {{a b}}", []),
    ("{{a{{{b}}}|c}} {{d}e}} {{f<g>}}", "{{a{{{b}}}|c}} {{d}e}} {{f<g>}}", []),
    ("{{ a\n|b}}{{lc:A\nB}}", "a b", []),
    ("[[Help:#a]] [[Help:a#b]]", "[[Help:#a]] Help:a#b", []),
    ("of[[ A ]]and [[ b ]]s", "ofA and b s", [("A and", "A"), ("b s", "B")]),
    # What is no character stays as it is written.
    ("a &#xD; &#xFFFE; &#65535; b &רלמ;c", "a &#xD; &#xFFFE; &#65535; b \u200fc", []),
    # Words on both sides of a picture that stands beside the text.
    ("a[[File:X.jpg|thumb|c]]b a[[File:X.jpg|right]]b a[[File:X.jpg]]b", "a b a b ab", []),
    ("a [[File:X.jpg|thumb|c]], b[[File:X.jpg|left]].", "a, b.", []),
    # What would be read as wikitext in a title is not.
    ("'''{{PAGENAME:'Salem's''}}'''", "'Salem's''", []),
    ("{{PAGENAME:*NSYNC}}\n{{PAGENAME:AT&amp;T}}", "*NSYNC AT&T", []),
    ("{{#ifeq:{{PAGENAME:'x}}|'x|same|other}}", "same", []),
]
