"""Listings of companies on stock exchanges: ``NYSE: GE``."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.registry import TemplateCall, normalise_template_name, template

__all__: list[str] = []

# An exchange a line: names of its template; what it is called in front of the symbol; its article, or "-" where
# it is the label.
_EXCHANGES = """
NASDAQ|Nasdaq|-
NYSE|NYSE|New York Stock Exchange
NYSE American,NYSE MKT,AMEX|NYSE American|-
NYSE Arca|NYSE Arca|-
OTC Pink,OTC expert,OTC grey,OTCBB|OTC Pink|OTC Markets Group
OTCQB|OTCQB|OTC Markets Group
OTCQX|OTCQX|OTC Markets Group
LSE|LSE|London Stock Exchange
AIM|AIM|Alternative Investment Market
TSX|TSX|Toronto Stock Exchange
TSXV,TSX-V|TSXV|TSX Venture Exchange
Canadian Securities Exchange|CSE|Canadian Securities Exchange
CSE|CSE|
FWB|FWB|Frankfurt Stock Exchange
Euronext|Euronext|-
Euronext Paris,EuronextParis|Euronext Paris|-
TYO|TYO|Tokyo Stock Exchange
JASDAQ|JASDAQ|-
OSE|OSE|
NAG|NSE|Nagoya Stock Exchange
FSE|FSE|Fukuoka Stock Exchange
SEHK,HKEX|SEHK|Hong Kong Stock Exchange
SSE|SSE|Shanghai Stock Exchange
SZSE|SZSE|Shenzhen Stock Exchange
TWSE|TWSE|Taiwan Stock Exchange
KRX|KRX|Korea Exchange
BSE,Bombay Stock Exchange|BSE|Bombay Stock Exchange
NSE|NSE|National Stock Exchange of India
ASX|ASX|Australian Securities Exchange
NZX|NZX|New Zealand Exchange
JSE|JSE|Johannesburg Stock Exchange
BMV|BMV|Mexican Stock Exchange
BCBA|BCBA|Buenos Aires Stock Exchange
BCS|BCS|Santiago Stock Exchange
BVC|BVC|Colombia Stock Exchange
BVL|BVL|Lima Stock Exchange
B3,BM&F Bovespa,Bovespa|B3|B3 (stock exchange)
BIT|BIT|Borsa Italiana
SWX,SIX|SIX|SIX Swiss Exchange
OMX|OMX|Nasdaq Nordic
WSE|WSE|Warsaw Stock Exchange
NewConnect|NewConnect|-
BMAD|BMAD|Bolsa de Madrid
BIST|BIST|Borsa Istanbul
MCX,MOEX|MCX|Moscow Exchange
TASE|TASE|Tel Aviv Stock Exchange
IDX|IDX|Indonesia Stock Exchange
SET,Stock Exchange of Thailand|SET|Stock Exchange of Thailand
Philippine Stock Exchange|PSE|Philippine Stock Exchange
SGX|SGX|Singapore Exchange
MYX|MYX|Bursa Malaysia
ISE,ISEQ|ISE|Irish Stock Exchange
ATHEX|Athex|Athens Exchange
WBAG|WBAG|Vienna Stock Exchange
BPSE|BPSE|Budapest Stock Exchange
BVB|BVB|Bucharest Stock Exchange
PFTS|PFTS|PFTS Ukraine Stock Exchange
LuxSE|LuxSE|Luxembourg Stock Exchange
PSX|PSX|Pakistan Stock Exchange
DSE|DSE|Dhaka Stock Exchange
NEPSE|NEPSE|Nepal Stock Exchange
ADX|ADX|Abu Dhabi Securities Exchange
DFM|DFM|Dubai Financial Market
QE|QE|Qatar Stock Exchange
KASE|KASE|Kazakhstan Stock Exchange
GSE|GSE|Ghana Stock Exchange
ZSE|ZSE|
EGX|EGX|Egyptian Exchange
BSX|BSX|Bermuda Stock Exchange
"""


def _register() -> None:
    for line in _EXCHANGES.strip().splitlines():
        names, label, article = line.split("|")
        shown = link(label if article == "-" else article, label) if article else label

        @template(*dict.fromkeys(map(normalise_template_name, f"{names},{names.lower()}".split(","))))
        def listing(call: TemplateCall, shown: str = shown) -> str | None:
            """``{{NYSE|GE}}`` -> ``[[New York Stock Exchange|NYSE]]: GE``; OMX has the symbol behind its number."""
            symbol = call.get("2", "1") if call.name.lower() == "omx" else call.get("1")
            return f"{shown}: {symbol}" if symbol else None


_register()
