internal import Kernel
internal import Wire

/// Functions of the service root.
extension B1Company {
    mutating func function(_ name: String, _ call: B1Call) throws(B1Problem) -> HTTPResponse {
        switch name {
        case "CompanyService_GetCompanyInfo": return complex("CompanyInfo", companyInfo(), call)
        case "CompanyService_GetAdminInfo": return complex("AdminInfo", adminInfo(), call)
        case "SeriesService_GetDocumentSeries": return try series(call)
        default:
            // Actions on entities by their services' names: `InvoicesService_Cancel` with the document's parameters.
            throw .path
        }
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
        let context: (key: String, value: JSON) = (
            call.version == .four ? "@odata.context" : "odata.metadata", .string("\(call.root)$metadata#Collection(SAPB1.Series)"))
        return B1Answer.json(200, .object([context, ("value", .array([row]))]), call.version)
    }
}
