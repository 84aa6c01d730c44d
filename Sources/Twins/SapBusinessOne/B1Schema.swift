internal import Kernel
internal import Wire

/// What a property holds.
enum B1Kind: Sendable, Equatable {
    /// Up to so many characters; 0 for as many as there are.
    case text(Int)
    case int
    case double
    case date
    case time
    /// A name of an enumeration.
    case choice(String)
    /// Objects of a complex type.
    case list(String)
}

struct B1Property: Sendable {
    var name: String
    var kind: B1Kind
    /// Ignored silently where a request gives it.
    /// - Source: the guide, "Updating Entities".
    var isReadOnly = false
}

/// An entity type or a complex type: its properties in the order of the metadata.
struct B1Type: Sendable {
    let name: String
    let properties: [B1Property]
    private let index: [String: Int]

    init(_ name: String, _ properties: [B1Property]) {
        self.name = name
        self.properties = properties
        index = Dictionary(properties.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
    }

    func property(_ name: String) -> B1Property? { index[name].map { properties[$0] } }
}

/// An entity set.
struct B1Set: Sendable {
    var name: String
    var type: B1Type
    var keys: [String]
    /// Business One's number of the object, as in `BaseType`.
    var object = 0
    /// The table, as messages and user fields name it.
    var table = ""
    /// Answers with an ETag.
    var hasVersion = false

    /// The table whose user fields these records have: documents share theirs.
    var fieldTable: String { B1Schema.documents.contains(name) || name == "Drafts" ? "OINV" : ["OVPM", "OPDF"].contains(table) ? "ORCT" : table }
    var lineTable: String { table == "OJDT" ? "JDT1" : String(table.dropFirst()) + "1" }
}

/// What of Business One's metadata the twin has.
/// - Source: SoftwareDesign-Solution/b1slayer-model-generator-node, `dist/servicelayer_metadata_v4.xml` (version 10.0), with its names and types.
enum B1Schema {
    static let documents = [
        "Orders", "DeliveryNotes", "Returns", "Invoices", "CreditNotes", "PurchaseOrders", "PurchaseInvoices", "PurchaseCreditNotes",
    ]
    static let payments = ["IncomingPayments", "VendorPayments"]

    static let types: [String: B1Type] = Dictionary(uniqueKeysWithValues: B1SchemaText.types.map { name, text in (name, read(name, text)) })

    static func type(_ name: String) -> B1Type { types[name] ?? B1Type(name, []) }

    static let sets: [String: B1Set] = {
        var out: [String: B1Set] = [:]
        func add(_ name: String, _ type: String, _ keys: [String], _ object: Int, _ table: String, version: Bool = false) {
            out[name] = B1Set(name: name, type: B1Schema.type(type), keys: keys, object: object, table: table, hasVersion: version)
        }
        let numbers = [("Orders", 17, "ORDR"), ("DeliveryNotes", 15, "ODLN"), ("Returns", 16, "ORDN"), ("Invoices", 13, "OINV"), ("CreditNotes", 14, "ORIN"),
            ("PurchaseOrders", 22, "OPOR"), ("PurchaseInvoices", 18, "OPCH"), ("PurchaseCreditNotes", 19, "ORPC"), ("Drafts", 112, "ODRF")]
        for (name, object, table) in numbers { add(name, "Document", ["DocEntry"], object, table, version: true) }
        add("IncomingPayments", "Payment", ["DocEntry"], 24, "ORCT")
        add("VendorPayments", "Payment", ["DocEntry"], 46, "OVPM")
        add("PaymentDrafts", "Payment", ["DocEntry"], 140, "OPDF")
        add("JournalEntries", "JournalEntry", ["JdtNum"], 30, "OJDT")
        add("BusinessPartners", "BusinessPartner", ["CardCode"], 2, "OCRD", version: true)
        add("Items", "Item", ["ItemCode"], 4, "OITM", version: true)
        add("ChartOfAccounts", "ChartOfAccount", ["Code"], 1, "OACT")
        add("VatGroups", "VatGroup", ["Code"], 5, "OVTG")
        add("SalesTaxCodes", "SalesTaxCode", ["Code"], 128, "OSTC")
        add("PaymentTermsTypes", "PaymentTermsType", ["GroupNumber"], 40, "OCTG")
        add("Currencies", "Currency", ["Code"], 37, "OCRN")
        add("Warehouses", "Warehouse", ["WarehouseCode"], 64, "OWHS")
        add("ProfitCenters", "ProfitCenter", ["CenterCode"], 61, "OPRC")
        add("DistributionRules", "DistributionRule", ["FactorCode"], 62, "OOCR")
        add("Projects", "Project", ["Code"], 63, "OPRJ")
        add("BusinessPlaces", "BusinessPlace", ["BPLID"], 247, "OBPL")
        add("BusinessPartnerGroups", "BusinessPartnerGroup", ["Code"], 10, "OCRG")
        add("AdditionalExpenses", "AdditionalExpense", ["ExpensCode"], 125, "OEXD", version: true)
        add("CreditCards", "CreditCard", ["CreditCardCode"], 36, "OCRC")
        add("UserFieldsMD", "UserFieldMD", ["TableName", "FieldID"], 152, "CUFD")
        return out
    }()

    /// Names and what the database holds for them; both are understood.
    /// - Source: the guide, "Creating Entities" and "Query Properties of the Enumeration Type"; the database's letters from SAP's table reference.
    static let choices: [String: [(name: String, value: String)]] = [
        "BoYesNoEnum": [("tNO", "N"), ("tYES", "Y")],
        "BoDocumentTypes": [("dDocument_Items", "I"), ("dDocument_Service", "S")],
        "BoStatus": [("bost_Open", "O"), ("bost_Close", "C"), ("bost_Paid", "P"), ("bost_Delivered", "D")],
        "CancelStatusEnum": [("csYes", "Y"), ("csNo", "N"), ("csCancellation", "C")],
        "BoRcptTypes": [("rCustomer", "C"), ("rAccount", "A"), ("rSupplier", "S")],
        "BoRcptInvTypes": [
            ("it_Invoice", "13"), ("it_CredItnote", "14"), ("it_PurchaseInvoice", "18"), ("it_PurchaseCreditNote", "19"), ("it_Receipt", "24"),
            ("it_JournalEntry", "30"), ("it_DownPayment", "203"),
        ],
        "BoCardTypes": [("cCustomer", "C"), ("cSupplier", "S"), ("cLid", "L")],
        "BoAddressType": [("bo_ShipTo", "S"), ("bo_BillTo", "B")],
        "ItemTypeEnum": [("itItems", "I"), ("itLabor", "L"), ("itTravel", "T"), ("itFixedAssets", "F")],
        "BoAccountTypes": [("at_Revenues", "I"), ("at_Expenses", "E"), ("at_Other", "N")],
        "BoVatCategoryEnum": [("bovcInputTax", "I"), ("bovcOutputTax", "O")],
        "BoFieldTypes": [("db_Alpha", "A"), ("db_Memo", "M"), ("db_Numeric", "N"), ("db_Date", "D"), ("db_Float", "B")],
        "BoFldSubTypes": [("st_None", ""), ("st_Sum", "S"), ("st_Price", "P"), ("st_Quantity", "Q"), ("st_Rate", "R")],
        "PriceModeDocumentEnum": [("pmdNet", "N"), ("pmdGross", "G"), ("pmdNetAndGross", "B")],
        "BoDocLineType": [("dlt_Regular", "R"), ("dlt_Alternative", "A"), ("dlt_Resource", "S")],
        "TransTypesEnum": [
            ("ttJournalEntry", "30"), ("ttARInvoice", "13"), ("ttARCredItnote", "14"), ("ttDelivery", "15"), ("ttReturn", "16"), ("ttAPInvoice", "18"),
            ("ttAPCreditNote", "19"), ("ttReceipt", "24"), ("ttVendorPayment", "46"),
        ],
        "BoBusinessPartnerGroupTypes": [("bbpgt_CustomerGroup", "C"), ("bbpgt_VendorGroup", "S")],
        "BoPaymentsObjectType": [("bopot_IncomingPayments", "24"), ("bopot_OutgoingPayments", "46")],
        "DocumentAuthorizationStatusEnum": [("dasWithout", "W"), ("dasPending", "P"), ("dasApproved", "Y"), ("dasRejected", "N"), ("dasGenerated", "P")],
        "PaymentsAuthorizationStatusEnum": [("pasWithout", "W"), ("pasPending", "P"), ("pasApproved", "Y"), ("pasRejected", "N"), ("pasGenerated", "P")],
        "BoPayTermDueTypes": [("pdt_None", "N"), ("pdt_MonthEnd", "E"), ("pdt_HalfMonth", "H"), ("pdt_MonthStart", "Y")],
    ]

    /// The name of a choice by its name or its value.
    static func choice(_ list: String, _ given: String) -> String? {
        guard let known = choices[list] else { return nil }
        return known.first { $0.name == given }?.name ?? known.first { $0.value == given }?.name
    }

    /// `Name:s50 Name:i …`: `s` text, `i` integer, `d` number, `D` date, `t` time, `y` yes or no, `=Enum`, `+Type` a collection; `*` is read-only.
    private static func read(_ name: String, _ text: String) -> B1Type {
        B1Type(name, text.split(whereSeparator: \.isWhitespace).compactMap { word in
            let parts = word.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let first = parts[1].first else { return nil }
            var mark = parts[1]
            let isReadOnly = mark.hasSuffix("*")
            if isReadOnly { mark.removeLast() }
            let rest = String(mark.dropFirst())
            let kind: B1Kind =
                switch first {
                case "s": .text(Int(rest) ?? 0)
                case "i": .int
                case "d": .double
                case "D": .date
                case "t": .time
                case "y": .choice("BoYesNoEnum")
                case "=": .choice(rest)
                default: .list(rest)
                }
            return B1Property(name: String(parts[0]), kind: kind, isReadOnly: isReadOnly)
        })
    }
}
