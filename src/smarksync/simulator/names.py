"""Words that people are made of."""

from __future__ import annotations

FIRST = (
    "Ada", "Amir", "Anna", "Arjun", "Astrid", "Ben", "Camille", "Carlos", "Chloe", "Clara", "Daniel", "Dara", "Diego",
    "Elena", "Emil", "Emma", "Farah", "Felix", "Fiona", "Gabriel", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jana",
    "Jonas", "Julia", "Kai", "Karim", "Laura", "Leila", "Leon", "Lucia", "Maja", "Marco", "Maya", "Mila", "Nadia", "Nils",
    "Nina", "Noah", "Olga", "Omar", "Paul", "Priya", "Quentin", "Rania", "Rosa", "Samir", "Sofia", "Stefan", "Tara",
    "Theo", "Uma", "Vera", "Wei", "Yara", "Yusuf", "Zoe",
)  # fmt: skip
LAST = (
    "Abbott", "Albrecht", "Andersen", "Ashworth", "Baker", "Bauer", "Bellamy", "Berger", "Blanchet", "Bishop", "Brandt",
    "Carver", "Castillo", "Chandra", "Cooper", "Costa", "Dalton", "Delacroix", "Dietrich", "Doyle", "Eriksen", "Falk",
    "Fischer", "Fontaine", "Foster", "Garnier", "Gupta", "Haddad", "Hansen", "Harper", "Hoffmann", "Holloway", "Ibrahim",
    "Iyer", "Jansen", "Keller", "Kowalski", "Lambert", "Lang", "Larsen", "Lindqvist", "Marchetti", "Marsh", "Mercer",
    "Meyer", "Moreau", "Nakamura", "Novak", "Okafor", "Olsen", "Osborne", "Patel", "Pereira", "Petrov", "Quinn", "Ramos",
    "Reyes", "Richter", "Rossi", "Roux", "Sato", "Schmitt", "Sharma", "Silva", "Sommer", "Stone", "Tanaka", "Thorne",
    "Vasquez", "Vogel", "Wagner", "Walsh", "Weber", "Whitfield", "Winter", "Wolff", "Yilmaz", "Zeller", "Ziegler",
)  # fmt: skip
TRADES = (
    "Analytics", "Bakeries", "Components", "Consulting", "Controls", "Freight", "Glassworks", "Health", "Instruments",
    "Insurance", "Labs", "Logistics", "Media", "Optics", "Packaging", "Partners", "Robotics", "Security", "Software",
    "Textiles", "Tools", "Water",
)  # fmt: skip
TITLES = (
    "IT Manager", "System Administrator", "Head of Infrastructure", "Chief Technology Officer", "VP Engineering",
    "Director of Operations", "Procurement Manager", "Marketing Manager", "Sales Director", "Finance Director",
    "Data Analyst", "Security Engineer", "Plant Manager", "Office Manager", "Managing Director", "Developer",
)  # fmt: skip
#: city, state, postal code, country
CITIES = (
    ("Berlin", "Berlin", "10115", "DE"),
    ("Munich", "Bavaria", "80331", "DE"),
    ("London", "England", "EC1A 1BB", "GB"),
    ("Leeds", "England", "LS1 4AP", "GB"),
    ("Boston", "Massachusetts", "02108", "US"),
    ("Denver", "Colorado", "80202", "US"),
    ("Austin", "Texas", "78701", "US"),
    ("Paris", "Ile-de-France", "75001", "FR"),
    ("Lyon", "Auvergne-Rhone-Alpes", "69001", "FR"),
    ("Sydney", "New South Wales", "2000", "AU"),
)
STREETS = ("Mill Lane", "Station Road", "Harbour Street", "Garden Row", "Market Place", "Kiln Yard", "Bridge Street")
INDUSTRIES = ("Manufacturing", "Technology", "Retail", "Healthcare", "Finance", "Education", "Transportation", "Energy")
SOURCES = ("Web", "Partner Referral", "Trade Show", "Phone Inquiry", "Purchased List", "Other")
JOURNEYS = (
    "awareness_early", "awareness_late", "consideration_early", "consideration_late", "decision_early", "decision_late",
)  # fmt: skip
#: type and title
CAMPAIGNS = (
    ("webinar", "Webinar: quieter plants"),
    ("content", "White paper: one version of the truth"),
    ("trade_show", "Trade fair booth"),
    ("email", "Spring newsletter"),
    ("advertising", "Search advertising"),
    ("webinar", "Webinar: hand-offs that hold"),
    ("referral", "Partner referrals"),
    ("event", "Customer day"),
)
