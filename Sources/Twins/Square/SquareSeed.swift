internal import Kernel
internal import Wire

/// A place where a merchant sells.
struct SquareLocation: Sendable {
    var id: String
    var name: String
    var zone: Zone
    var bank: String
    var mcc: String
}

/// A business that sells with Square.
struct SquareMerchant: Sendable {
    var id: String
    var name: String
    var country: String
    var currency: String
    var language: String
    var locations: [SquareLocation]
    /// What Square keeps of a card payment: per ten thousand of the amount, and a fixed part.
    var feePerTenThousand: Int64
    var feeFixed: Int64
    /// What Square keeps of a payout that is sent at once, per ten thousand.
    var instantPerTenThousand: Int64
    /// The smallest coin, where cash totals are rounded to it.
    var coin: Int64 = 1
    /// The end of its tokens' names.
    var keyName: String
    var catalog: [JSON] = []

    var main: SquareLocation { locations.first ?? SquareSeed.nowhere }

    /// In these countries the tax inside a price is not counted in a line's gross sales.
    /// - Source: square/connect-api-specification, `OrderLineItem.gross_sales_money`.
    var grossIsNet: Bool { ["US", "CA", "JP"].contains(country) }
}

/// What a fresh twin has: an application, and three merchants that have authorised it.
///
/// Personal access tokens are `EAAASandbox` and the name: `EAAASandboxPierGoods`; they don't expire. `EAAASandboxCounterfoilHub` is that of the
/// application's owner, with which webhook subscriptions are made.
enum SquareSeed {
    static let hub = "MCOUNTERFOILHUB"
    static let american = "MLEWJTMNJN37Z"
    static let british = "MTHAMESPOTTRY"
    static let canadian = "MMAPLECORNER1"
    static let client = "sq0idp-CounterfoilHub"
    static let secret = "sq0csp-CounterfoilHubSecret"
    static let version = "2026-09-16"

    static let nowhere = SquareLocation(id: "", name: "", zone: .utc, bank: "", mcc: "")
    static let nobody = SquareMerchant(
        id: "", name: "", country: "US", currency: "USD", language: "en-US", locations: [], feePerTenThousand: 0, feeFixed: 0,
        instantPerTenThousand: 0, keyName: "")

    static func merchants() throws(Fault) -> [String: SquareMerchant] {
        let losAngeles = try Zone.named("America/Los_Angeles"), london = try Zone.named("Europe/London"), toronto = try Zone.named("America/Toronto")
        let list = [
            SquareMerchant(
                id: hub, name: "Counterfoil Hub", country: "US", currency: "USD", language: "en-US",
                locations: [SquareLocation(id: "LHUB000000001", name: "Office", zone: .utc, bank: "bact:hub", mcc: "7372")],
                feePerTenThousand: 260, feeFixed: 15, instantPerTenThousand: 175, keyName: "CounterfoilHub"),
            SquareMerchant(
                id: american, name: "Pier Goods LLC", country: "US", currency: "USD", language: "en-US",
                locations: [
                    SquareLocation(id: "LRJNZCB190DTQ", name: "Pier Store", zone: losAngeles, bank: "bact:c164d7ec7302", mcc: "5719"),
                    SquareLocation(id: "LMARKETSTALL2", name: "Market Stall", zone: losAngeles, bank: "bact:c164d7ec7302", mcc: "5719"),
                ],
                feePerTenThousand: 260, feeFixed: 15, instantPerTenThousand: 175, keyName: "PierGoods", catalog: americanCatalog()),
            SquareMerchant(
                id: british, name: "Thames Pottery Ltd", country: "GB", currency: "GBP", language: "en-GB",
                locations: [SquareLocation(id: "LTHAMESSTUDIO", name: "Studio", zone: london, bank: "bact:5b0d1f2e77aa", mcc: "5970")],
                feePerTenThousand: 175, feeFixed: 0, instantPerTenThousand: 150, keyName: "ThamesPottery", catalog: britishCatalog()),
            SquareMerchant(
                id: canadian, name: "Maple Corner Inc.", country: "CA", currency: "CAD", language: "en-CA",
                locations: [SquareLocation(id: "LMAPLECORNER1", name: "Corner Store", zone: toronto, bank: "bact:90c2f3e1d455", mcc: "5499")],
                feePerTenThousand: 250, feeFixed: 0, instantPerTenThousand: 150, coin: 5, keyName: "MapleCorner", catalog: canadianCatalog()),
        ]
        return Dictionary(uniqueKeysWithValues: list.map { ($0.id, $0) })
    }

    // MARK: Catalogs

    private static func object(_ type: String, _ id: String, _ key: String, _ value: [(key: String, value: JSON)]) -> JSON {
        .object([
            ("type", .string(type)), ("id", .string(id)), ("updated_at", "2026-01-08T19:20:00.000Z"), ("version", 1_767_900_000_000),
            ("is_deleted", false), ("present_at_all_locations", true), (key, .object(value)),
        ])
    }

    private static func tax(_ id: String, _ name: String, _ inclusion: String, _ percentage: String) -> JSON {
        object(
            "TAX", id, "tax_data",
            [
                ("name", .string(name)), ("calculation_phase", "TAX_SUBTOTAL_PHASE"), ("inclusion_type", .string(inclusion)),
                ("percentage", .string(percentage)), ("applies_to_custom_amounts", true), ("enabled", true),
            ])
    }

    private static func category(_ id: String, _ name: String) -> JSON {
        object("CATEGORY", id, "category_data", [("name", .string(name)), ("category_type", "REGULAR_CATEGORY")])
    }

    private static func item(_ id: String, _ name: String, category: String, taxes: [String], _ variations: [JSON]) -> [JSON] {
        let own = object(
            "ITEM", id, "item_data",
            [
                ("name", .string(name)), ("is_taxable", true), ("tax_ids", .array(taxes.map(JSON.string))), ("product_type", "REGULAR"),
                ("categories", .array([.object([("id", .string(category)), ("ordinal", 0)])])),
                ("reporting_category", .object([("id", .string(category)), ("ordinal", 0)])),
            ])
        return [own] + variations.map { variation in
            variation.setting("item_variation_data", (variation["item_variation_data"] ?? JSON.null).setting("item_id", .string(id)))
        }
    }

    private static func variation(_ id: String, _ name: String, _ sku: String, _ price: Int64, _ currency: String) -> JSON {
        object(
            "ITEM_VARIATION", id, "item_variation_data",
            [
                ("name", .string(name)), ("sku", .string(sku)), ("ordinal", 0), ("pricing_type", "FIXED_PRICING"),
                ("price_money", .money(price, currency)), ("sellable", true), ("stockable", true),
            ])
    }

    private static func discount(_ id: String, _ name: String, _ percentage: String) -> JSON {
        object(
            "DISCOUNT", id, "discount_data",
            [("name", .string(name)), ("discount_type", "FIXED_PERCENTAGE"), ("percentage", .string(percentage)), ("modify_tax_basis", "MODIFY_TAX_BASIS")])
    }

    private static func americanCatalog() -> [JSON] {
        let kitchen = "CATKITCHENWARE0000000001", tax = "WSEEBKNOSIGDYXFCWFE6ENNH"
        let mug = item(
            "ITEMMUG00000000000000001", "Ceramic Mug", category: kitchen, taxes: [tax],
            [
                variation("W62UWFY35CWMYGVWK6TWJDNI", "Blue", "MUG-B", 1800, "USD"), variation("W62UWFY35CWMYGVWK6TWJDNJ", "White", "MUG-W", 1750, "USD"),
            ])
        let towel = item(
            "ITEMTOWEL000000000000001", "Linen Towel", category: kitchen, taxes: [tax],
            [variation("NFTA5XCSRK6EHGNM6OQ3HWNA", "Regular", "TOWEL", 2450, "USD")])
        return [category(kitchen, "Kitchenware"), self.tax(tax, "CA Sales Tax", "ADDITIVE", "8.25")] + mug + towel
            + [discount("DB7L55ZH2BGWI4H23ULIWOQ7", "Membership Discount", "0.5")]
    }

    private static func britishCatalog() -> [JSON] {
        let pots = "CATPOTTERY00000000000001", vat = "TAXVAT20000000000000000A"
        let large = variation("VARBOWL00000000000000001", "Large", "BOWL-L", 2400, "GBP")
        let bowl = item("ITEMBOWL0000000000000001", "Stoneware Bowl", category: pots, taxes: [vat], [large])
        return [category(pots, "Pottery"), tax(vat, "VAT", "INCLUSIVE", "20"), tax("TAXVAT5000000000000000AA", "VAT reduced", "INCLUSIVE", "5")] + bowl
            + [discount("DISCSTUDENT0000000000001", "Student", "10")]
    }

    private static func canadianCatalog() -> [JSON] {
        let food = "CATFOOD00000000000000001", hst = "TAXHST130000000000000001"
        let bottle = variation("VARSYRUP0000000000000001", "250 ml", "SYRUP", 1199, "CAD")
        let syrup = item("ITEMSYRUP000000000000001", "Maple Syrup", category: food, taxes: [hst], [bottle])
        return [category(food, "Food"), tax(hst, "HST", "ADDITIVE", "13")] + syrup
    }
}
