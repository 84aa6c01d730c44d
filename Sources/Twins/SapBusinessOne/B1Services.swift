internal import Kernel
internal import Wire

/// Functions of the service root.
extension B1Company {
    mutating func function(_ name: String, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        switch name {
        case "CompanyService_GetCompanyInfo": return complex("CompanyInfo", companyInfo(), call)
        case "CompanyService_GetAdminInfo": return complex("AdminInfo", adminInfo(), call)
        case "SeriesService_GetDocumentSeries": return try series(call)
        case "CompanyService_GetPeriods":
            return collection("PeriodCategoryParams", B1Seed.years.map { .object([("AbsoluteEntry", .int($0 - B1Seed.years.lowerBound + 1))]) }, call)
        case "CompanyService_GetFinancePeriods": return try periods(call)
        default: throw .path
        }
    }

    private func collection(_ type: String, _ rows: [JSON], _ call: B1Call) -> HTTPResponse {
        let context: (key: String, value: JSON) = (
            call.version == .four ? "@odata.context" : "odata.metadata", .string("\(call.root)$metadata#Collection(SAPB1.\(type))"))
        return B1Answer.json(200, .object([context, ("value", .array(rows))]), call.version)
    }

    /// The months of a year, each open or locked.
    private func periods(_ call: B1Call) throws(B1Problem) -> HTTPResponse {
        guard let entry = try call.object().member("PeriodCategoryParams", "AbsoluteEntry")?.int, (1...B1Seed.years.count).contains(entry) else { throw .missing }
        let year = B1Seed.years.lowerBound + entry - 1
        let rows: [JSON] = (1...12).compactMap { month in
            guard let from = LocalDate(year: year, month: month, day: 1), let next = LocalDate(year: month == 12 ? year + 1 : year, month: month % 12 + 1, day: 1) else { return nil }
            let to = next.adding(days: -1)
            func shown(_ day: LocalDate) -> JSON { .string(day.description + (call.version == .four ? "T00:00:00Z" : "")) }
            let isLocked = locked.map { to <= $0 } ?? false
            let name = "\(year)-\(month < 10 ? "0" : "")\(month)"
            return .object([
                ("AbsoluteEntry", .int((entry - 1) * 12 + month)), ("PeriodCode", .string(name)), ("PeriodName", .string(name)), ("PostingDateFrom", shown(from)),
                ("PostingDateTo", shown(to)), ("Locked", .yes(isLocked)), ("PeriodIndicator", "Default"), ("SubNum", .int(month)),
                ("PeriodStatus", .string(isLocked ? "ltLocked" : "ltUnlocked")),
            ])
        }
        return collection("FinancePeriod", rows, call)
    }

    private func complex(_ type: String, _ members: [(key: String, value: JSON)], _ call: B1Call) -> HTTPResponse {
        let context: (key: String, value: JSON) = (call.version == .four ? "@odata.context" : "odata.metadata", .string("\(call.root)$metadata#SAPB1.\(type)"))
        return B1Answer.json(200, .object([context] + members), call.version)
    }

    private func companyInfo() -> [(key: String, value: JSON)] {
        [
            ("Version", 1_000_190), ("EnableExpensesManagement", "tYES"), ("EnableAccountSegmentation", .yes(!usesVAT)), ("EnableBillOfExchange", "tNO"),
            ("BlockStockNegativeQuantity", "tYES"), ("EnableSharingSeries", "tNO"), ("CompanyName", .string("OEC Computers \(usesVAT ? "UK" : "US")")),
            ("EnableTransactionNotification", "tYES"), ("Localization", .string(usesVAT ? "GB" : "US")), ("MinimumBaseAmountPerDoc", .number("0.0")),
        ]
    }

    private func adminInfo() -> [(key: String, value: JSON)] {
        [
            ("Code", 1), ("CompanyName", .string("OEC Computers \(usesVAT ? "UK" : "US")")), ("Country", .string(usesVAT ? "GB" : "US")),
            ("LocalCurrency", .string(localCurrency)), ("SystemCurrency", .string(localCurrency)), ("TotalsAccuracy", 2), ("AccuracyofQuantities", 3), ("PriceAccuracy", 4),
            ("RateAccuracy", 6), ("PercentageAccuracy", 6), ("MeasuringAccuracy", 3), ("QueryAccuracy", 4), ("DefaultWarehouse", "01"), ("EnableBranches", .yes(hasBranches)),
            ("AllowFuturePostingDate", "tYES"), ("EnableApprovalProcedureInDI", "tYES"), ("ContinuousStockManagement", "tYES"), ("EnableExternalTax", "tNO"),
            ("FederalTaxID", .null), ("DirectIndirectRate", "tYES"),
        ]
    }

    /// The one series that every object has, under the object's own number.
    private func series(_ call: B1Call) throws(B1Problem) -> HTTPResponse {
        let asked = try call.object()["DocumentTypeParams"]?["Document"]
        guard let set = B1Schema.sets.values.first(where: { "\($0.object)" == asked?.string ?? "\(asked?.int ?? -1)" }), set.object != 112 else { throw .missing }
        let last = all(set.name).compactMap { $0.int("DocNum") ?? $0.int("Number") }.max() ?? 0
        let row: JSON = .object([
            ("Document", .string("\(set.object)")), ("DocumentSubType", "--"), ("InitialNumber", 1), ("LastNumber", .null), ("NextNumber", .int(last + 1)), ("Prefix", .null),
            ("Suffix", .null), ("Remarks", .null), ("GroupCode", "sg_Group1"), ("Locked", "tNO"), ("PeriodIndicator", "Default"), ("Name", "Primary"), ("Series", .int(set.object)),
            ("IsManual", "tNO"),
        ])
        return collection("Series", [row], call)
    }
}
