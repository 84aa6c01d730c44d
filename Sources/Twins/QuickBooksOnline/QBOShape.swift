internal import Kernel
internal import Wire

/// Checks of a body that need no look at the company: known properties, lengths, dates, enumerations, references.
enum QBOShape {
    private static let lengths: [String: Int] = [
        "DocNumber": 21, "PaymentRefNum": 21, "PrivateNote": 4000, "DisplayName": 500, "CompanyName": 100,
        "GivenName": 100,
        "MiddleName": 100, "FamilyName": 100, "Name": 100, "Sku": 100, "Description": 4000, "AcctNum": 20, "Memo": 4000,
        "FileName": 1000, "Note": 2000, "ContentType": 100, "PlaceName": 2000, "Tag": 2000,
    ]
    private static let choices: [String: Set<String>] = [
        "EmailStatus": ["NotSet", "NeedToSend", "EmailSent"],
        "PrintStatus": ["NotSet", "NeedToPrint", "PrintComplete"],
        "GlobalTaxCalculation": ["TaxInclusive", "TaxExcluded", "NotApplicable"],
        "Type": ["Service", "NonInventory", "Inventory", "Group", "Category"], "PayType": ["Check", "CreditCard"],
        "POStatus": ["Open", "Closed"],
        "Category": ["Contact Photo", "Document", "Image", "Receipt", "Signature", "Sound", "Other"],
    ]
    private static let amounts: Set<String> = [
        "TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "UnappliedAmt", "RemainingCredit",
    ]
    private static let days: Set<String> = ["TxnDate", "DueDate", "ShipDate", "ExpectedDate"]
    private static let flags: Set<String> = [
        "Active", "sparse", "Taxable", "ApplyTaxAfterDiscount", "TrackQtyOnHand", "SubItem", "Job", "ManuallyClosed", "Vendor1099",
    ]
    private static let nested: [(member: String, inner: String, most: Int)] = [
        ("CustomerMemo", "value", 1000), ("BillEmail", "Address", 100),
    ]

    /// Lines in one document; the vendor's own bound is not published.
    static let mostLines = 1000

    static func check(_ kind: QBOKind, _ body: JSON) throws(QBOError) {
        guard let members = body.object else { throw .notJSON }
        let known = QBOProperties.of(kind)
        for (name, value) in members {
            guard known.contains(name) else { throw .unknownProperty(name, of: kind.rawValue) }
            try checkMember(name, value, in: body)
        }
        for rule in nested {
            if let text = body[rule.member]?.text(rule.inner), text.utf16.count > rule.most {
                throw .tooLong("\(rule.member).\(rule.inner)", most: rule.most, supplied: text.utf16.count)
            }
        }
        guard kind.isTransaction else { return }
        try checkLines(body)
        try checkTax(body)
    }

    private static func checkMember(_ name: String, _ value: JSON, in body: JSON) throws(QBOError) {
        guard body.has(name) else { return }
        if let most = lengths[name] {
            guard let text = value.string else { throw .invalidCharacters(name) }
            guard text.utf16.count <= most else { throw .tooLong(name, most: most, supplied: text.utf16.count) }
        }
        if let allowed = choices[name] {
            guard let text = value.string, allowed.contains(text) else { throw .invalidChoice(name) }
        }
        if amounts.contains(name) { _ = try body.cents(name) }
        if days.contains(name) { _ = try body.day(name) }
        if flags.contains(name), body.flag(name) == nil {
            throw QBOError(code: "2230", message: "Invalid Boolean", detail: "Invalid Boolean : \(name)", element: name)
        }
        if name.hasSuffix("Ref"), name != "AttachableRef" { try checkReference(name, value) }
    }

    private static func checkReference(_ name: String, _ value: JSON) throws(QBOError) {
        guard let members = value.object else { throw .unknownProperty(name, of: "ReferenceType") }
        for member in members where !QBOProperties.reference.contains(member.key) {
            throw .unknownProperty(member.key, of: "ReferenceType")
        }
    }

    private static func checkLines(_ body: JSON) throws(QBOError) {
        guard body.has("Line") else { return }
        guard let lines = body["Line"]?.array else { throw .notJSON }
        guard lines.count <= mostLines else {
            throw .business("A transaction can have at most \(mostLines) lines.", "Line")
        }
        for line in lines {
            guard let members = line.object else { throw .notJSON }
            for member in members where !QBOProperties.line.contains(member.key) {
                throw .unknownProperty(member.key, of: "Line")
            }
            if let text = line.text("Description"), text.utf16.count > 4000 {
                throw .tooLong("Line.Description", most: 4000, supplied: text.utf16.count)
            }
            _ = try line.cents("Amount", element: "Line.Amount")
            try checkDetail(line)
            for link in line["LinkedTxn"]?.array ?? [] {
                for member in link.object ?? [] where !QBOProperties.linkedTransaction.contains(member.key) {
                    throw .unknownProperty(member.key, of: "LinkedTxn")
                }
            }
        }
    }

    private static func checkDetail(_ line: JSON) throws(QBOError) {
        guard let type = line.text("DetailType") else { return }
        guard QBOProperties.detailTypes.contains(type) else { throw .invalidChoice("DetailType") }
        guard let known = QBOProperties.details[type], let detail = line.member(QBOProperties.detailName(type)) else {
            return
        }
        guard let members = detail.object else { throw .notJSON }
        for (name, value) in members {
            guard known.contains(name) else { throw .unknownProperty(name, of: type) }
            if name.hasSuffix("Ref"), detail.has(name) { try checkReference(name, value) }
        }
    }

    private static func checkTax(_ body: JSON) throws(QBOError) {
        guard let tax = body.member("TxnTaxDetail") else { return }
        guard let members = tax.object else { throw .notJSON }
        for member in members where !QBOProperties.taxDetail.contains(member.key) {
            throw .unknownProperty(member.key, of: "TxnTaxDetail")
        }
        _ = try tax.cents("TotalTax", element: "TxnTaxDetail.TotalTax")
        for line in tax["TaxLine"]?.array ?? [] {
            for member in line.object ?? [] where !QBOProperties.line.contains(member.key) {
                throw .unknownProperty(member.key, of: "Line")
            }
            _ = try line.cents("Amount", element: "TxnTaxDetail.TaxLine.Amount")
            for member in line["TaxLineDetail"]?.object ?? [] where !QBOProperties.taxLine.contains(member.key) {
                throw .unknownProperty(member.key, of: "TaxLineDetail")
            }
        }
    }
}
