public import Kernel
internal import TwinKit
internal import Wire

/// What people do at the screens of the client, which programs have no call for.
extension B1Company {
    /// Copy To: an invoice of what is open of an order, or of so many units of each line; the order's own references go along.
    mutating func copyToInvoice(_ order: Int, units: ExactDecimal?) throws(B1Problem) -> Int {
        guard let record = record("Orders", order), let set = B1Schema.sets["Invoices"] else { throw .missing }
        var given: [String: JSON] = [:]
        for name in ["CardCode", "DocType", "DocCurrency", "DocRate", "NumAtCard", "Comments", "BPL_IDAssignedToInvoice"] { given[name] = record[name] }
        for (name, value) in record.values where name.hasPrefix("U_") { given[name] = value }
        (given["DocDate"], given["DocDueDate"], given["TaxDate"]) = (record["DocDate"], record["DocDueDate"], record["TaxDate"])
        given["DocumentLines"] = .array(record.rows("DocumentLines").filter { $0.text("LineStatus") == "bost_Open" }.map { row in
            var line = B1Row(["BaseType": 17, "BaseEntry": .int(order)])
            line["BaseLine"] = row["LineNum"]
            if let units, record.text("DocType") != "dDocument_Service", let open = row.decimal("RemainingOpenQuantity"), units < open { line["Quantity"] = .decimal(units) }
            return line.json
        })
        let start = mark
        do throws(B1Problem) {
            (user, approvalsFrom) = (.manager, .max)
            let made = try createDocument(set, given)
            guard let entry = self.record(made.set, made.key)?.int("DocEntry") else { throw .missing }
            return entry
        } catch {
            rollback(to: start)
            throw error
        }
    }
}

extension SapBusinessOneTwin {
    /// Somebody opens an order there and takes Copy To, A/R Invoice.
    /// - Parameters:
    ///   - order: its DocEntry.
    ///   - units: of each line of items; what is open where it is `nil`.
    /// - Returns: the invoice's DocEntry; `nil` where Business One refuses it.
    @discardableResult
    public func copyToInvoice(order: Int, in company: String, units: ExactDecimal? = nil) -> Int? {
        change { state in
            guard var books = state.books.removeValue(forKey: company) else { return nil }
            defer { state.books[company] = books }
            do throws(B1Problem) { return try books.copyToInvoice(order, units: units) } catch { return nil }
        }
    }
}
