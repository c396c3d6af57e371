"""What ``{{convert}}`` shows, by the rules of https://en.wikipedia.org/wiki/Template:Convert/doc."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Render = Callable[[str], "str | None"]

# The rounding that the documentation describes: as precise as the input, at least two figures.
ROUNDING = [
    ("100|ft|m", "100 feet (30 m)"),
    ("123|ft|m", "123 feet (37 m)"),
    ("123|ft|m|0", "123 feet (37 m)"),
    ("123|ft|m|1", "123 feet (37.5 m)"),
    ("123|ft|m|2", "123 feet (37.49 m)"),
    ("123|ft|m|-1", "123 feet (40 m)"),
    ("123|ft|m|sigfig=2", "123 feet (37 m)"),
    ("123|ft|m|sigfig=4", "123 feet (37.49 m)"),
    ("500|mi|km", "500 miles (800 km)"),
    ("3000|mi|km", "3,000 miles (4,800 km)"),
    ("1|mi|km", "1 mile (1.6 km)"),
    ("5|mi|km", "5 miles (8.0 km)"),
    ("1.0|mi|km", "1.0 mile (1.6 km)"),
    ("0.5|mi|km", "0.5 miles (0.80 km)"),
    ("7700|m|ft|round=50", "7,700 metres (25,250 ft)"),
    ("213|m|round=5|order=flip", "700 feet (213 m)"),
    ("1000000|t|LT|lk=off", "1,000,000 tonnes (980,000 long tons)"),
    ("0|m|ft|2", "0 metres (0.00 ft)"),
    ("0|m|ft", "0 metres (0 ft)"),
]
TEMPERATURES = [
    ("15|C|F", "15 °C (59 °F)"),
    ("0|C", "0 °C (32 °F)"),
    ("-40|C|F", "−40 °C (−40 °F)"),
    ("98.6|°F", "98.6 °F (37.0 °C)"),
    ("100|C", "100 °C (212 °F)"),
    ("10000|C|F", "10,000 °C (18,000 °F)"),
    ("525|C|F", "525 °C (977 °F)"),
    ("300|K|C F", "300 K (27 °C; 80 °F)"),
    ("20|±|5|°C", "20 ± 5 °C (68 ± 9 °F)"),
    ("10|C-change|F-change", "10 °C (18 °F)"),
    ("-19|to|22|C|F|sigfig=2", "−19 to 22 °C (−2.2 to 72 °F)"),
    ("22.1|°C|0|abbr=on", "22.1 °C (72 °F)"),
]
OPTIONS = [
    ("10|km|mi|abbr=on", "10 km (6.2 mi)"),
    ("10|km|mi|abbr=off", "10 kilometres (6.2 miles)"),
    ("10|km|mi|abbr=in", "10 km (6.2 miles)"),
    ("10|km|mi|abbr=values", "10 (6.2)"),
    ("10|km|mi|sp=us", "10 kilometers (6.2 mi)"),
    ("10|km|mi|adj=on", "10-kilometre (6.2 mi)"),
    ("10|km|mi|adj=on|abbr=on", "10 km (6.2 mi)"),
    ("300|ft|m|adj=mid|-diameter", "300-foot-diameter (91 m)"),
    ("3|mi|km|adj=pre|survey", "3 survey miles (4.8 km)"),
    ("10|km|mi|disp=or", "10 kilometres or 6.2 miles"),
    ("10|km|mi|disp=or|abbr=on", "10 km or 6.2 mi"),
    ("10|km|mi|disp=sqbr", "10 kilometres [6.2 mi]"),
    ("10|km|mi|disp=comma", "10 kilometres, 6.2 mi"),
    ("10|km|mi|disp=out", "6.2 mi"),
    ("10|km|mi|disp=number", "6.2"),
    ("10|km|mi|disp=unit", "kilometres"),
    ("10|km|mi|disp=flip", "6.2 miles (10 km)"),
    ("10|km|mi|order=flip", "6.2 miles (10 km)"),
    ("10|km|mi|order=flip|abbr=on", "6.2 mi (10 km)"),
    ("2|mi|km|spell=in", "two miles (3.2 km)"),
    ("200|mi|spell=In", "Two hundred miles (320 km)"),
    ("40|mi|0|abbr=off|spell=on", "forty miles (sixty-four kilometres)"),
    ("10|mi|km|lk=on", "10 [[Mile|miles]] (16 [[Kilometre|km]])"),
    ("10|mi|km|lk=out", "10 miles (16 [[Kilometre|km]])"),
    ("1234|km|mi|comma=off|abbr=on", "1234 km (767 mi)"),
    ("12345|-|20000|m|km|comma=off", "12345–20000 metres (12.345–20.000 km)"),
    ("562|e6USbbl|e9L|0|abbr=unit|order=flip", "67 billion L (562 million US bbl)"),
]
VALUES = [
    ("8|-|12|km|mi", "8–12 kilometres (5.0–7.5 mi)"),
    ("100–300|m|ft|abbr=on", "100–300 m (330–980 ft)"),
    ("2|to|10|in|mm", "2 to 10 inches (51 to 254 mm)"),
    ("60|and(-)|80|kg", "60 and 80 kilograms (130–180 lb)"),
    ("63.6|by|58.6|nmi|km", "63.6 by 58.6 nautical miles (117.8 by 108.5 km)"),
    ("193.3|by|69.5|mi|km|adj=on", "193.3-by-69.5-mile (311.1 by 111.8 km)"),
    ("10|×|4|×|14|in|cm", "10 by 4 by 14 inches (25 cm × 10 cm × 36 cm)"),
    ("5|±|1|km|mi", "5 ± 1 kilometres (3.11 ± 0.62 mi)"),
    ("1/2|in|mm", "1⁄2 inch (13 mm)"),
    ("1+1/2|in|mm", "1 1⁄2 inches (38 mm)"),
    ("½|in|mm", "1⁄2 inch (13 mm)"),
    ("663,268|sqmi|km2|0", "663,268 square miles (1,717,856 km<sup>2</sup>)"),
    ("4.5e6|km2", "4.5×10<sup>6</sup> square kilometres (1.7×10<sup>6</sup> sq mi)"),
    ("−80|°F", "−80 °F (−62 °C)"),
    ("6|ft|4|in|cm|0", "6 feet 4 inches (193 cm)"),
    ("12|st|4|lb|kg", "12 stone 4 pounds (78 kg)"),
    ("190|cm|ftin", "190 centimetres (6 ft 3 in)"),
    ("50|kg|stlb", "50 kilograms (7 st 12 lb)"),
]
UNITS = [
    ("2.2|m", "2.2 metres (7 ft 3 in)"),
    ("40|m", "40 metres (130 ft)"),
    ("10|ha", "10 hectares (25 acres)"),
    ("40|acre|ha|adj=on", "40-acre (16 ha)"),
    ("2700|m|fathom ft", "2,700 metres (1,500 fathoms; 8,900 ft)"),
    ("500|PS|kW hp|abbr=on", "500 PS (370 kW; 490 hp)"),
    ("22|e6acre|km2", "22 million acres (89,000 km<sup>2</sup>)"),
    ("87|e6acre|e6ha|abbr=off", "87 million acres (35 million hectares)"),
    ("166|Goilbbl", "166 billion barrels (26.4×10<sup>9</sup> m<sup>3</sup>)"),
    ("57|koilbbl/d|abbr=on", "57 kbbl/d (9.1×10<sup>3</sup> m<sup>3</sup>/d)"),
    ("5.8|PD/sqmi", "5.8 inhabitants per square mile (2.2/km<sup>2</sup>)"),
    ("20|mpgUS|L/100 km", "20 miles per US gallon (12 L/100 km)"),
    ("10|kg/ha|lb/acre", "10 kilograms per hectare (8.9 lb/acre)"),
    ("1.53|angstrom|m|lk=in", "1.53 [[Ångström|ångströms]] (1.53×10<sup>−10</sup> m)"),
    ("3|USgal|L", "3 US gallons (11 L)"),
    ("6|g0", "6 g<sub>0</sub> (59 m/s<sup>2</sup>)"),
    ("11|MW|hp", "11 megawatts (15,000 hp)"),
    ("300|Mm|mi", "300 megametres (190,000 mi)"),
]


# The rules of default_precision in Module:Convert: whole numbers into feet and pounds are more precise than the ratio.
MODULE = [
    ("3717|m|ft", "3,717 metres (12,195 ft)"),
    ("47|kg|lb", "47 kilograms (104 lb)"),
    ("8848|m|ft", "8,848 metres (29,029 ft)"),
    ("8848.5|m|ft", "8,848.5 metres (29,031 ft)"),
    ("100|m|ft", "100 metres (330 ft)"),
    ("5|km|ft", "5 kilometres (16,000 ft)"),
    ("2|t|lb", "2 tonnes (4,400 lb)"),
    ("20|-|30|m|ft", "20–30 metres (66–98 ft)"),
    ("50|-|55|kg|lb", "50–55 kilograms (110–121 lb)"),
    ("10|st|4|lb|lb", "10 stone 4 pounds (144 lb)"),
    # Several units: the smallest is shown, zero or not, as precise as it would be alone.
    ("12|in|ftin", "12 inches (1 ft 0 in)"),
    ("63.5|kg|stlb", "63.5 kilograms (10 st 0 lb)"),
    ("1.8288|m|ftin", "1.8288 metres (6 ft 0.00 in)"),
    ("1.8|m|ftin", "1.8 metres (5 ft 11 in)"),
    # Names that have no plural, values as they are written.
    ("2|foot|m", "2 foot (0.61 m)"),
    ("2|ft|m", "2 feet (0.61 m)"),
    (".1|in", ".1 inches (2.5 mm)"),
    ("4000.|m|ft", "4,000 metres (13,123 ft)"),
    # American spelling.
    ("10|USgal|L|sp=us", "10 U.S. gallons (38 L)"),
    ("10|L|USgal|sp=us", "10 liters (2.6 U.S. gal)"),
    ("10|L|USgal", "10 litres (2.6 US gal)"),
    # Powers of ten from a thousand million on, and where the value has one.
    ("1|ly|km", "1 light-year (9.5×10<sup>12</sup> km)"),
    ("1000000000|m|m", "1,000,000,000 metres (1,000,000,000 m)"),
    ("2.5e6|km2|sqmi", "2.5×10<sup>6</sup> square kilometres (9.7×10<sup>5</sup> sq mi)"),
    ("30|mpgUS", "30 miles per US gallon (7.8 L/100 km; 36 mpg‑imp)"),
]


@pytest.mark.parametrize(("source", "text"), MODULE + ROUNDING + TEMPERATURES + OPTIONS + VALUES + UNITS)
def test_convert(render: Render, source: str, text: str) -> None:
    assert render(f"convert|{source}") == text


def test_cvt_abbreviates_both_sides(render: Render) -> None:
    assert render("cvt|970.69|m/s|km/h mph") == "970.69 m/s (3,494.5 km/h; 2,171.4 mph)"
    assert render("cvt|60|ft||||") == "60 ft (18 m)"


@pytest.mark.parametrize(
    "source",
    ["", "x", "5", "5|", "five|km", "5|to|km", "|km|mi", "5|-|km", "1e9999|km", "1/0|in"],
)
def test_what_is_no_measurement_is_left_to_the_unknown(render: Render, source: str) -> None:
    assert render(f"convert|{source}") is None


def test_an_unknown_unit_leaves_the_value_as_given(render: Render) -> None:
    assert render("convert|1234|pyramid inch|m") == "1,234 pyramid inch"


def test_an_unknown_or_unfit_output_leaves_the_value(render: Render) -> None:
    assert render("convert|5|km|kg") == "5 kilometres"
    assert render("convert|5|km|nonsense") == "5 kilometres (3.1 mi)"
