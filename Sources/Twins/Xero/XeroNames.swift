/// The property names each object of the Accounting API has. Xero ignores others without a word, which hides a
/// misspelt field; the twin ignores them too, but counts them.
/// - Source: XeroAPI/Xero-OpenAPI xero_accounting.yaml, release 16.1.0.
enum XeroNames {
    static func known(_ kind: String) -> Set<String>? { table[kind] }

    private static let table: [String: Set<String>] = Dictionary(
        uniqueKeysWithValues: lists.map { entry in
            (entry.kind, Set(entry.names.split(separator: " ").map { String($0) }))
        })

    private static let lists: [(kind: String, names: String)] = [
        (
            kind: "Invoice",
            names: """
            Type Contact LineItems Date DueDate LineAmountTypes InvoiceNumber Reference \
            BrandingThemeID Url CurrencyCode CurrencyRate Status SentToContact ExpectedPaymentDate \
            PlannedPaymentDate CISDeduction CISRate SubTotal TotalTax Total TotalDiscount InvoiceID \
            RepeatingInvoiceID HasAttachments IsDiscounted Payments Prepayments Overpayments \
            AmountDue AmountPaid FullyPaidOnDate AmountCredited UpdatedDateUTC UpdatedDateUTCString \
            CreditNotes Attachments HasErrors StatusAttributeString ValidationErrors Warnings \
            InvoiceAddresses
            """
        ),
        (
            kind: "CreditNote",
            names: """
            Type Contact Date DueDate Status LineAmountTypes LineItems SubTotal TotalTax Total \
            CISDeduction CISRate UpdatedDateUTC UpdatedDateUTCString CurrencyCode FullyPaidOnDate \
            CreditNoteID CreditNoteNumber Reference SentToContact CurrencyRate RemainingCredit \
            Allocations AppliedAmount Payments BrandingThemeID StatusAttributeString HasAttachments \
            HasErrors ValidationErrors Warnings InvoiceAddresses
            """
        ),
        (
            kind: "LineItem",
            names: """
            LineItemID Description Quantity UnitAmount ItemCode AccountCode AccountID TaxType \
            TaxAmount Item LineAmount Tracking DiscountRate DiscountAmount RepeatingInvoiceID \
            Taxability SalesTaxCodeId TaxBreakdown
            """
        ),
        (
            kind: "LineItemTracking",
            names: """
            TrackingCategoryID TrackingOptionID Name Option
            """
        ),
        (
            kind: "Payment",
            names: """
            Invoice CreditNote Prepayment Overpayment InvoiceNumber CreditNoteNumber BatchPayment \
            Account Code Date CurrencyRate Amount BankAmount Reference IsReconciled Status \
            PaymentType UpdatedDateUTC UpdatedDateUTCString PaymentID BatchPaymentID \
            BankAccountNumber Particulars Details HasAccount HasValidationErrors \
            StatusAttributeString ValidationErrors Warnings
            """
        ),
        (
            kind: "Allocation",
            names: """
            AllocationID Invoice Overpayment Prepayment CreditNote Amount Date IsDeleted \
            StatusAttributeString ValidationErrors
            """
        ),
        (
            kind: "Contact",
            names: """
            ContactID MergedToContactID ContactNumber AccountNumber ContactStatus Name FirstName \
            LastName CompanyNumber EmailAddress ContactPersons BankAccountDetails TaxNumber \
            TaxNumberType AccountsReceivableTaxType AccountsPayableTaxType Addresses Phones \
            IsSupplier IsCustomer SalesDefaultLineAmountType PurchasesDefaultLineAmountType \
            DefaultCurrency XeroNetworkKey SalesDefaultAccountCode PurchasesDefaultAccountCode \
            SalesTrackingCategories PurchasesTrackingCategories TrackingCategoryName \
            TrackingCategoryOption PaymentTerms UpdatedDateUTC ContactGroups Website BrandingTheme \
            BatchPayments Discount Balances Attachments HasAttachments ValidationErrors \
            HasValidationErrors StatusAttributeString
            """
        ),
        (
            kind: "Item",
            names: """
            Code InventoryAssetAccountCode Name IsSold IsPurchased Description PurchaseDescription \
            PurchaseDetails SalesDetails IsTrackedAsInventory TotalCostPool QuantityOnHand \
            UpdatedDateUTC ItemID StatusAttributeString ValidationErrors
            """
        ),
        (
            kind: "Purchase",
            names: """
            UnitPrice AccountCode COGSAccountCode TaxType
            """
        ),
        (
            kind: "Account",
            names: """
            Code Name AccountID Type BankAccountNumber Status Description BankAccountType \
            CurrencyCode TaxType EnablePaymentsToAccount ShowInExpenseClaims Class SystemAccount \
            ReportingCode ReportingCodeName HasAttachments UpdatedDateUTC AddToWatchlist \
            ValidationErrors
            """
        ),
        (
            kind: "ManualJournal",
            names: """
            Narration JournalLines Date LineAmountTypes Status Url ShowOnCashBasisReports \
            HasAttachments UpdatedDateUTC ManualJournalID StatusAttributeString Warnings \
            ValidationErrors Attachments
            """
        ),
        (
            kind: "ManualJournalLine",
            names: """
            LineAmount AccountCode AccountID Description TaxType Tracking TaxAmount IsBlank
            """
        ),
        (
            kind: "BankTransaction",
            names: """
            Type Contact LineItems BankAccount IsReconciled Date Reference CurrencyCode CurrencyRate \
            Url Status LineAmountTypes SubTotal TotalTax Total BankTransactionID PrepaymentID \
            OverpaymentID UpdatedDateUTC HasAttachments StatusAttributeString ValidationErrors
            """
        ),
        (
            kind: "PurchaseOrder",
            names: """
            Contact LineItems Date DeliveryDate LineAmountTypes PurchaseOrderNumber Reference \
            BrandingThemeID CurrencyCode Status SentToContact DeliveryAddress AttentionTo Telephone \
            DeliveryInstructions ExpectedArrivalDate PurchaseOrderID CurrencyRate SubTotal TotalTax \
            Total TotalDiscount HasAttachments UpdatedDateUTC StatusAttributeString ValidationErrors \
            Warnings Attachments
            """
        ),
        (
            kind: "Currency",
            names: """
            Code Description
            """
        ),
        (
            kind: "TrackingCategory",
            names: """
            TrackingCategoryID TrackingOptionID Name Option Status Options
            """
        ),
        (
            kind: "TrackingOption",
            names: """
            TrackingOptionID Name Status TrackingCategoryID
            """
        ),
    ]
}
