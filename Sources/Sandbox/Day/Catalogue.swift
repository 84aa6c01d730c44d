/// What the two shops sell and where their customers live. Names are invented; tax rates are of realistic size.
struct Catalogue: Sendable {
    var products: [ShopProduct]

    /// Articles that any order may hold.
    var everyday: [ShopProduct] {
        products.filter { !$0.isGiftCard && !rare.contains($0.group) && $0.title.count <= 100 }
    }
    /// Two articles whose titles differ only after the 110th character.
    var longTitled: [ShopProduct] { products.filter { $0.title.count > 100 } }
    var giftCards: [ShopProduct] { products.filter(\.isGiftCard) }
    /// Groups that only orders planted for them hold.
    var rare: Set<String>

    func group(_ group: String) -> [ShopProduct] { products.filter { $0.group == group } }

    private init(_ table: [(sku: String, title: String, price: Int64, vat: Int64)], firstID: Int64, rare: Set<String>) {
        products = table.enumerated().map { index, row in
            ShopProduct(
                sku: row.sku, title: row.title, productID: 8_300_200_000_000 + firstID + Int64(index),
                variantID: 44_100_200_000_000 + firstID + Int64(index), price: row.price, vat: row.vat)
        }
        self.rare = rare
    }

    /// 110 characters that two articles share.
    private static func longTitle(_ start: String, _ end: String) -> String {
        let filler =
            " in the weathered farmhouse finish with reinforced corners, felt feet and a lifetime guarantee against splitting,"
        return String((start + filler).prefix(110)) + " " + end
    }

    static let prairie = Catalogue(
        [
            ("HOM-01", "Ceramic Mug", 1800, 0), ("HOM-02", "Linen Towel", 2450, 0),
            ("HOM-03", "Beeswax Candle", 1295, 0),
            ("HOM-04", "Oak Serving Board", 3900, 0), ("HOM-05", "Enamel Pitcher", 2875, 0),
            ("HOM-06", "Wool Throw", 8900, 0),
            ("HOM-07", "Cast Iron Trivet", 1649, 0), ("HOM-08", "Glass Carafe", 3325, 0),
            (
                "HOM-09", longTitle("Nesting storage crates made from reclaimed prairie barn wood", "set of two"), 7450,
                0
            ),
            (
                "HOM-10", longTitle("Nesting storage crates made from reclaimed prairie barn wood", "set of three"),
                9950, 0
            ),
            ("STA-01", "Dotted Notebook", 1250, 0), ("STA-02", "Brass Pen", 2699, 0), ("STA-03", "Letter Set", 999, 0),
            ("STA-04", "Desk Calendar", 1499, 0), ("STA-05", "Wax Seal Kit", 2205, 0),
            ("STA-06", "Index Cards", 449, 0),
            ("STA-07", "Leather Pencil Roll", 3415, 0),
            ("APP-01", "Work Apron", 4200, 0), ("APP-02", "Canvas Tote", 1999, 0), ("APP-03", "Merino Beanie", 2850, 0),
            ("APP-04", "Flannel Shirt", 6475, 0), ("APP-05", "Wool Socks", 1433, 0),
            ("APP-06", "Leather Belt", 5505, 0),
            ("APP-07", "Rain Jacket", 11_900, 0),
            ("GAR-01", "Hand Trowel", 1675, 0), ("GAR-02", "Terracotta Pot", 2225, 0), ("GAR-03", "Seed Tin", 1149, 0),
            ("GAR-04", "Copper Watering Can", 5999, 0),
            ("GIFT-25", "Gift Card 25", 2500, 0), ("GIFT-50", "Gift Card 50", 5000, 0),
        ], firstID: 100_401, rare: ["GAR"])

    static let thames = Catalogue(
        [
            ("HOM-21", "Stoneware Bowl", 1450, 200_000), ("HOM-22", "Espresso Cup", 899, 200_000),
            ("HOM-23", "Glazed Vase", 3495, 200_000), ("HOM-24", "Teapot", 4250, 200_000),
            ("HOM-25", "Butter Dish", 1875, 200_000),
            ("HOM-26", "Salt Pig", 1649, 200_000), ("HOM-27", "Dinner Plate", 1295, 200_000),
            ("HOM-28", "Lamp Base", 6995, 200_000),
            (
                "HOM-29", longTitle("Hand-thrown stoneware dinner service for the whole family", "sea green"), 12_950,
                200_000
            ),
            (
                "HOM-30", longTitle("Hand-thrown stoneware dinner service for the whole family", "oat white"), 12_450,
                200_000
            ),
            ("BOO-01", "The Potter's Year", 1899, 0), ("BOO-02", "Glazes Explained", 2499, 0),
            ("BOO-03", "Card Set", 850, 0),
            ("BOO-04", "Kiln Notebook", 1199, 0), ("BOO-05", "River Walks", 1099, 0), ("BOO-06", "Tide Tables", 649, 0),
            ("GAR-21", "Plant Pot", 1325, 200_000), ("GAR-22", "Bird Bath", 5450, 200_000),
            ("GAR-23", "Wall Planter", 2175, 200_000),
            ("GAR-24", "Herb Markers", 799, 200_000), ("GAR-25", "Frost Cloche", 3050, 200_000),
            ("NUR-01", "Child Car Seat Base", 7495, 50_000), ("NUR-02", "Booster Seat", 4495, 50_000),
            ("NUR-03", "Infant Carrier Seat", 11_995, 50_000), ("NUR-04", "Seat Insert", 1899, 50_000),
            ("NUR-05", "Travel Booster", 2650, 50_000), ("NUR-06", "Rear-facing Seat", 14_900, 50_000),
            ("NUR-07", "Harness Pads", 1149, 50_000),
            ("GIFT-20", "Gift Card 20", 2000, 0), ("GIFT-40", "Gift Card 40", 4000, 0),
        ], firstID: 200_401, rare: [])
}

/// A town with its taxes: the jurisdictions' titles as the shop prints them, and rates in millionths.
struct Town: Sendable {
    var city: String
    var province: String
    var zip: String
    var taxes: [(title: String, rate: Int64)]
    var taxesShipping: Bool

    static let american: [Town] = [
        Town(
            city: "Lakewood", province: "CO", zip: "80226",
            taxes: [("Colorado State Tax", 29_000), ("Jefferson County Tax", 5000), ("Lakewood City Tax", 30_000)],
            taxesShipping: false),
        Town(
            city: "Austin", province: "TX", zip: "78702",
            taxes: [("Texas State Tax", 62_500), ("Austin City Tax", 10_000), ("Austin MTA Transit Tax", 10_000)],
            taxesShipping: true),
        Town(
            city: "Chicago", province: "IL", zip: "60614",
            taxes: [("Illinois State Tax", 62_500), ("Cook County Tax", 17_500), ("Chicago City Tax", 12_500)],
            taxesShipping: false),
        Town(
            city: "New York", province: "NY", zip: "10003",
            taxes: [
                ("New York State Tax", 40_000), ("New York City Tax", 45_000),
                ("Metropolitan Commuter Transportation District Tax", 3750),
            ], taxesShipping: true),
        Town(
            city: "Oakland", province: "CA", zip: "94607",
            taxes: [("California State Tax", 60_000), ("Alameda County Tax", 2500), ("Oakland City Tax", 20_000)],
            taxesShipping: false),
        Town(
            city: "Seattle", province: "WA", zip: "98103",
            taxes: [("Washington State Tax", 65_000), ("Seattle City Tax", 38_500)], taxesShipping: true),
        Town(
            city: "Omaha", province: "NE", zip: "68102",
            taxes: [("Nebraska State Tax", 55_000), ("Omaha City Tax", 15_000)], taxesShipping: true),
        Town(city: "Portland", province: "OR", zip: "97202", taxes: [], taxesShipping: false),
    ]

    static let british: [Town] = [
        ("London", "SE1 9GF"), ("Reading", "RG1 2AG"), ("Oxford", "OX1 4BH"), ("Leeds", "LS1 6DL"),
        ("Cardiff", "CF10 3NP"),
        ("Glasgow", "G1 2FF"), ("Newry", "BT34 1DG"),
    ].map { Town(city: $0.0, province: "", zip: $0.1, taxes: [], taxesShipping: true) }
}
