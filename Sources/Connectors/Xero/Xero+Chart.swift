public import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// All accounts (archived ones too), tax types, currencies, and the later of the two lock dates: four reads.
    public func chart(_: ConnectionFacts) -> Exchange<Chart> {
        rows([Query.organisation]) { organisations in
            self.rows([Query("Accounts", paged: false)]) { accounts in
                self.rows([Query("TaxRates", paged: false)]) { rates in
                    self.rows([Query("Currencies", paged: false)]) { currencies in
                        do throws(Fault) {
                            return .finish(
                                try Self.chart(
                                    organisations.first, accounts: accounts, rates: rates, currencies: currencies))
                        } catch {
                            return .fail(error)
                        }
                    }
                }
            }
        }
    }

    private static func chart(
        _ organisation: JSONView?, accounts: [JSONView], rates: [JSONView], currencies: [JSONView]
    ) throws(Fault) -> Chart {
        guard let organisation, let base = organisation["BaseCurrency"].string, !base.isEmpty else {
            throw unreadable("Organisation names no BaseCurrency")
        }
        var chart = Chart(accounts: [], taxCodes: [], lockDate: try lockDate(organisation), baseCurrency: base, currencies: [base])
        for fields in accounts { chart.accounts.append(try account(fields, base: base)) }
        for fields in rates where fields["Status"].string.map({ $0 == "ACTIVE" }) ?? true {
            if let type = fields["TaxType"].string, !chart.taxCodes.contains(type) { chart.taxCodes.append(type) }
        }
        // Lines without tax carry it whether or not it is listed.
        if !chart.taxCodes.contains(noTax) { chart.taxCodes.append(noTax) }
        for fields in currencies {
            if let code = fields["Code"].string, !chart.currencies.contains(code) { chart.currencies.append(code) }
        }
        return chart
    }

    /// The later of the two: nothing dated on it or before can be written, changed or taken back.
    /// - Throws: `unreadable_answer`.
    static func lockDate(_ organisation: JSONView) throws(Fault) -> LocalDate? {
        [try day(organisation["PeriodLockDate"], "PeriodLockDate"), try day(organisation["EndOfYearLockDate"], "EndOfYearLockDate")].compactMap(\.self).max()
    }

    /// Guessing a lock date that is there but unreadable would post into a closed period.
    private static func day(_ field: JSONView, _ name: String) throws(Fault) -> LocalDate? {
        if field.isNull { return nil }
        guard let text = field.string, let day = XeroDate.day(text) else { throw unreadable("\(name) is no date") }
        return day
    }

    private static func account(_ fields: JSONView, base: String) throws(Fault) -> LedgerAccount {
        guard let id = fields["AccountID"].string, !id.isEmpty, let name = fields["Name"].string, !name.isEmpty else {
            throw unreadable("an account has no AccountID or Name")
        }
        // Bank accounts may have no code.
        let code = fields["Code"].string ?? ""
        let type = fields["Type"].string ?? ""
        let currency = fields["CurrencyCode"].string
        return LedgerAccount(
            code: code.isEmpty ? name : code, remoteID: id, name: name, type: type,
            active: fields["Status"].string == "ACTIVE",
            // Money in another currency needs the bank's own amount, which a payment of ours does not state; other
            // accounts take any currency.
            currency: type == "BANK" || currency != base ? currency : nil)
    }
}
