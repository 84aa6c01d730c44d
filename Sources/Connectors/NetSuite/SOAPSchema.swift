internal import ConnectorKit
internal import Kernel
internal import Wire

/// Names and order of what SuiteTalk's schema wants.
/// - Source: netsuitephp/netsuite-php, src/Classes, generated from the WSDL of 2024.1; elements must follow the order of the schema.
enum Schema {
    static let version = "2025_2"
    static let path = "/services/NetSuitePort_\(version)"
    static let messages = platform("messages")
    static let core = platform("core")
    static let common = platform("common")

    private static func platform(_ name: String) -> String { "urn:\(name)_\(version).platform.webservices.netsuite.com" }

    static func namespace(_ kind: Kind) -> String {
        switch kind {
        case .invoice, .cashSale: "urn:sales_\(version).transactions.webservices.netsuite.com"
        case .creditMemo, .customerPayment, .customerRefund: "urn:customers_\(version).transactions.webservices.netsuite.com"
        case .journalEntry: "urn:general_\(version).transactions.webservices.netsuite.com"
        case .vendorBill, .purchaseOrder: "urn:purchases_\(version).transactions.webservices.netsuite.com"
        case .customer, .vendor: "urn:relationships_\(version).lists.webservices.netsuite.com"
        case .nonInventorySaleItem, .otherChargeSaleItem: "urn:accounting_\(version).lists.webservices.netsuite.com"
        }
    }

    // MARK: Header

    /// The request's own proof: a signature over account, keys, nonce and time.
    /// - Source: Oracle NetSuite help, TokenPassport Complex Type; netsuitephp/netsuite-php, src/NetSuiteClient.php.
    static let signature: Filling = {
        let base: [Filling] = [
            .account, .text("&"), .part("consumer_key"), .text("&"), .part("token"), .text("&"), .nonce, .text("&"), .timestamp,
        ]
        let key: [Filling] = [.part("consumer_secret"), .text("&"), .part("token_secret")]
        return .base64(.hmacSHA256(key: .joined(key), .joined(base)))
    }()

    static let passport: FilledBody = """
        <tokenPassport xmlns="urn:messages_2025_2.platform.webservices.netsuite.com" xmlns:c="urn:core_2025_2.platform.webservices.netsuite.com">\
        <c:account>\(xml: .account)</c:account><c:consumerKey>\(xml: .part("consumer_key"))</c:consumerKey><c:token>\(xml: .part("token"))</c:token>\
        <c:nonce>\(xml: .nonce)</c:nonce><c:timestamp>\(xml: .timestamp)</c:timestamp>\
        <c:signature algorithm="HMAC-SHA256">\(xml: signature)</c:signature></tokenPassport>
        """

    /// Bodies alone and as many as there may be.
    static let searchPreferences: [UInt8] = {
        var writer = XMLWriter()
        writer.start("searchPreferences", [("xmlns", messages)])
        writer.element("bodyFieldsOnly", "true")
        writer.element("pageSize", String(NetSuiteLimits.pageRows))
        writer.end()
        return writer.bytes
    }()

    // MARK: Order

    private static let invoice = [
        "taxDetailsOverride", "entity", "tranDate", "department", "class", "location", "currency", "dueDate", "otherRefNum", "memo", "account", "exchangeRate",
        "item", "taxDetails",
    ]
    private static let creditMemo = [
        "taxDetailsOverride", "currency", "entity", "tranDate", "department", "class", "location", "otherRefNum", "memo", "account", "exchangeRate",
        "autoApply", "item", "taxDetails",
    ]
    private static let cashSale = [
        "taxDetailsOverride", "entity", "tranDate", "department", "class", "location", "otherRefNum", "memo", "undepFunds", "currency", "account",
        "exchangeRate", "item", "taxDetails",
    ]
    private static let customerPayment = [
        "arAcct", "customer", "currency", "payment", "autoApply", "tranDate", "memo", "exchangeRate", "undepFunds", "account", "class", "department",
        "location", "apply",
    ]
    private static let customerRefund = [
        "customer", "arAcct", "exchangeRate", "currency", "tranDate", "memo", "account", "department", "class", "location", "apply",
    ]
    private static let journalEntry = ["tranDate", "currency", "exchangeRate", "subsidiary", "memo", "approved", "line"]
    private static let vendorBill = [
        "taxDetailsOverride", "account", "entity", "tranDate", "exchangeRate", "dueDate", "memo", "currency", "class", "department", "location", "expense",
        "taxDetails",
    ]
    private static let purchaseOrder = [
        "entity", "tranDate", "memo", "exchangeRate", "currency", "class", "department", "location", "item", "expense",
    ]
    private static let customer = ["isPerson", "companyName", "subsidiary", "currency"]
    private static let item = ["includeChildren", "incomeAccount", "taxSchedule", "itemId", "displayName", "subsidiary"]

    static func order(_ kind: Kind) -> [String] {
        switch kind {
        case .invoice: invoice
        case .creditMemo: creditMemo
        case .cashSale: cashSale
        case .customerPayment: customerPayment
        case .customerRefund: customerRefund
        case .journalEntry: journalEntry
        case .vendorBill: vendorBill
        case .purchaseOrder: purchaseOrder
        case .customer, .vendor: customer
        case .nonInventorySaleItem, .otherChargeSaleItem: item
        }
    }

    private static let invoiceItem = [
        "item", "description", "amount", "isTaxable", "quantity", "price", "rate", "department", "class", "location", "grossAmt", "taxDetailsReference",
        "tax1Amt", "taxCode",
    ]
    private static let creditMemoItem = [
        "item", "quantity", "description", "price", "rate", "amount", "isTaxable", "taxCode", "tax1Amt", "grossAmt", "department", "class", "location",
        "taxDetailsReference",
    ]
    private static let cashSaleItem = [
        "item", "quantity", "description", "price", "rate", "amount", "isTaxable", "department", "class", "location", "grossAmt", "taxDetailsReference",
        "tax1Amt", "taxCode",
    ]
    private static let orderItem = ["item", "quantity", "description", "rate", "amount", "department", "class", "location"]
    private static let billExpense = [
        "account", "amount", "tax1Amt", "memo", "grossAmt", "taxDetailsReference", "department", "class", "location", "taxCode",
    ]
    private static let orderExpense = ["account", "amount", "memo", "department", "class", "location"]
    private static let taxDetails = ["taxDetailsReference", "taxType", "taxCode", "taxBasis", "taxRate", "taxAmount"]
    private static let apply = ["apply", "doc", "amount"]
    private static let journalLine = ["account", "debit", "credit", "memo", "entity", "department", "class", "location"]

    static func order(_ list: String, of kind: Kind) -> [String] {
        switch list {
        case "item" where kind == .purchaseOrder: orderItem
        case "expense": kind == .purchaseOrder ? orderExpense : billExpense
        case "item": kind == .invoice ? invoiceItem : kind == .creditMemo ? creditMemoItem : cashSaleItem
        case "taxDetails": taxDetails
        case "apply": apply
        default: journalLine
        }
    }
}

extension Record {
    /// `<record xsi:type="s:Invoice" externalId="…">` with its fields in the schema's order.
    func write(_ writer: inout XMLWriter, _ settings: Settings) {
        var attributes = [("xmlns:s", Schema.namespace(kind)), ("xsi:type", "s:\(kind.typeName)")]
        if !id.isEmpty { attributes.append(("internalId", id)) }
        if !externalID.isEmpty { attributes.append(("externalId", externalID)) }
        writer.start("record", attributes)
        for field in fields.inOrder(Schema.order(kind)) { field.write(&writer, kind, settings) }
        writer.end()
    }

    /// `nil` for what is no record that we write.
    init?(_ element: XMLElement) {
        guard let id = element.attribute("internalId"), isID(id),
            let type = element.attributes.first(where: { $0.name.local == "type" && $0.name.namespace != nil })?.value.split(separator: ":").last,
            let kind = Kind(rawValue: type.prefix(1).lowercased() + type.dropFirst())
        else { return nil }
        self.init(kind: kind, id: id, externalID: element.attribute("externalId") ?? "", fields: Fields(element))
    }
}

extension Fields {
    fileprivate func inOrder(_ names: [String]) -> [Field] {
        let places = Dictionary(names.enumerated().map { ($1, $0) }) { one, _ in one }
        return list.enumerated().sorted { (places[$0.element.name] ?? .max, $0.offset) < (places[$1.element.name] ?? .max, $1.offset) }.map(\.element)
    }
}

extension Fields.Field {
    fileprivate func write(_ writer: inout XMLWriter, _ kind: Kind, _ settings: Settings) {
        let tag = "s:\(name)"
        switch value {
        case .text(let text), .number(let text), .mark(let text): writer.element(tag, text)
        case .flag(let flag), .choice(let flag): writer.element(tag, flag ? "true" : "false")
        case .ref(let id, _), .bare(let id):
            writer.start(tag, [("internalId", id)])
            writer.end()
        case .refs(let ids):
            writer.start("\(tag)List")
            for id in ids {
                writer.start("c:recordRef", [("internalId", id)])
                writer.end()
            }
            writer.end()
        // Noon: half a day's difference of zones leaves the day as it is.
        case .day(let day): writer.element(tag, "\(day)T12:00:00.000\(settings.offsetText)")
        case .lines(let lines):
            writer.start("\(tag)List", [("replaceAll", "true")])
            for line in lines {
                writer.start(tag)
                for field in line.inOrder(Schema.order(name, of: kind)) { field.write(&writer, kind, settings) }
                writer.end()
            }
            writer.end()
        }
    }
}
